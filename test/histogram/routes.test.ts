import { createHash } from 'node:crypto';
import sharp from 'sharp';
import t from 'tap';
import { createTestApp } from '../support/app.ts';
import { NO_TEST_DATA, readTestData } from '../support/test-data.ts';

/** 4×2 pixels: red 0, 10, … 70; green 255; blue 0. */
const small = sharp(Buffer.from(Array.from({ length: 8 }, (_, index) => [index * 10, 255, 0]).flat()), {
  raw: { width: 4, height: 2, channels: 3 },
})
  .png()
  .toBuffer();

async function appWithImage(t: Parameters<typeof createTestApp>[0], bytes?: Buffer) {
  const testApp = await createTestApp(t);
  const { image } = (await testApp.upload({ bytes: bytes ?? (await small), filename: 'core.png' })).json()
    .results[0];
  return { ...testApp, id: image.id as string };
}

t.test('a histogram has the counts of each channel, and is stored as an artifact', async (t) => {
  const { send, id } = await appWithImage(t);
  const response = await send(
    'GET',
    `/images/${id}/histogram?bins=8&level_range=0&level_range=80&percentiles=50`,
  );
  t.equal(response.statusCode, 200);
  const histogram = response.json();
  t.match(histogram, { width: 4, height: 2, pixels: 8, bit_depth: 8, color_space: 'srgb' });
  t.strictSame(histogram.channels.red.counts, [1, 1, 1, 1, 1, 1, 1, 1]);
  t.match(histogram.channels.red, {
    min: 0,
    max: 70,
    mean: 35,
    median: 35,
    percentiles: [{ percentile: 50, value: 35 }],
  });
  t.equal(histogram.channels.green.clipped.high, 1);

  const location = String(response.headers['content-location']);
  t.match(location, /^\/artifacts\/[0-9a-f-]{36}\/content$/);
  t.strictSame((await send('GET', location)).json(), histogram);
  const artifact = (await send('GET', location.replace('/content', ''))).json();
  t.match(artifact, {
    kind: 'histogram',
    media_type: 'application/json',
    retention: 'cached',
    result: { pixels: 8, channels: ['red', 'green', 'blue'] },
  });
  t.equal(
    (
      await send(
        'GET',
        `/images/${id}/histogram?bins=8&level_range=0&level_range=80&percentiles=50`,
        undefined,
        {
          'if-none-match': String(response.headers.etag),
        },
      )
    ).statusCode,
    304,
  );

  const posted = await send('POST', `/images/${id}/histogram`, {
    bins: 8,
    level_range: [0, 80],
    percentiles: [50],
  });
  t.equal(posted.statusCode, 200, 'the same question has the same artifact');
  t.equal((await send('GET', location.replace('/content', ''))).json().retention, 'kept');
});

t.test('a region in the query, edges in the body', async (t) => {
  const { send, id } = await appWithImage(t);
  t.equal((await send('GET', `/images/${id}/histogram?region=1,0,2,2`)).json().pixels, 4);
  const posted = await send('POST', `/images/${id}/histogram`, { edges: [0, 35, 256], channels: ['red'] });
  t.equal(posted.statusCode, 201);
  t.strictSame((await send('GET', posted.json().content_url)).json().channels.red.counts, [4, 4]);
});

t.test('a plot of the same', async (t) => {
  const { send, id } = await appWithImage(t);
  const svg = await send('GET', `/images/${id}/histogram/plot?theme=dark&scale=log&channels=red`);
  t.equal(svg.headers['content-type'], 'image/svg+xml');
  t.match(svg.body, /^<svg/);
  t.match(svg.headers['content-security-policy'], /sandbox/);
  t.match(svg.headers['content-disposition'], /filename=core-histogram\.svg/);
  const png = await send('GET', `/images/${id}/histogram/plot?width=320&height=200&format=png`);
  t.match(await sharp(png.rawPayload).metadata(), { format: 'png', width: 320, height: 200 });
  const stored = (await send('POST', `/images/${id}/histogram`, {})).json();
  const again = await send('GET', `/artifacts/${stored.id}/plot?width=320&height=200&format=png`);
  t.strictSame(again.rawPayload, png.rawPayload, 'of the stored numbers');
  for (const [query, path] of [
    ['theme=pink', '/theme'],
    ['width=9999', '/width'],
    ['format=gif', '/format'],
    ['bins=0', '/bins'],
  ] as const) {
    const wrong = await send('GET', `/images/${id}/histogram/plot?${query}`);
    t.match([wrong.statusCode, wrong.json().errors], [422, [{ location: 'query', path }]], query);
  }
});

t.test('wrong parameters are 422 at their place', async (t) => {
  const { send, id } = await appWithImage(t);
  const cases: [string, string][] = [
    ['bins=0', '/bins'],
    ['bins=257', '/bins'],
    ['bins=8&edges=0&edges=9', '/edges'],
    ['edges=9&edges=0', '/edges/1'],
    ['level_range=9&level_range=1', '/level_range/1'],
    ['channels=purple', '/channels'],
    ['channels=grey', '/channels'],
    ['percentiles=101', '/percentiles'],
    ['region=0,0,9,9', '/region'],
    ['region=0,0,9', '/region'],
    ['region=0,0,0,1', '/region'],
    ['region=0,0,1,00', '/region'],
    ['label=3', '/label'],
    ['per_label=true', '/per_label'],
    ['mask=5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11', '/mask'],
    ['mask=x', '/mask'],
    ['page=1', '/page'],
    ['theme=dark', '/theme'],
    ['bogus=1', '/bogus'],
  ];
  for (const [query, path] of cases) {
    const response = await send('GET', `/images/${id}/histogram?${query}`);
    t.equal(response.statusCode, 422, query);
    t.match(response.json().errors?.[0], { location: 'query', path }, `${query}: ${response.body}`);
  }
  const falling = await send('GET', `/images/${id}/histogram?edges=9&edges=0`);
  t.match(
    falling.json().detail,
    /^Expected an edge above the one before it \(9\) for edges\[1\] but received 0/,
  );
  const inBody = await send('POST', `/images/${id}/histogram`, {
    region: { left: 0, top: 0, width: 9, height: 1 },
  });
  t.match(inBody.json().errors[0], { location: 'body', path: '/region/width' });
});

t.test('the histogram of an artifact; a histogram is not a picture', async (t) => {
  const { send, id } = await appWithImage(t);
  const cropped = (await send('POST', `/images/${id}/crop`, { left: 0, top: 0, width: 2, height: 2 })).json();
  const histogram = await send('GET', `/artifacts/${cropped.id}/histogram`);
  t.equal(histogram.json().pixels, 4);
  const artifact = /artifacts\/([^/]+)/.exec(String(histogram.headers['content-location']))?.[1];
  t.equal((await send('GET', `/artifacts/${artifact}/histogram`)).statusCode, 422);
  t.equal((await send('GET', `/artifacts/${artifact}/resize?width=5`)).statusCode, 422);
});

t.test('the oracle through the API', { skip: NO_TEST_DATA }, async (t) => {
  const { send, id } = await appWithImage(t, readTestData('images/coins.png'));
  const expected = JSON.parse(readTestData('expected.json').toString())['coins.png'].grey;
  const { counts, mean, min, max } = (await send('GET', `/images/${id}/histogram`)).json().channels.grey;
  t.equal(
    createHash('sha256')
      .update(Uint8Array.from(Buffer.from(Uint32Array.from(counts).buffer)))
      .digest('hex'),
    expected.counts_sha256_le_u32,
  );
  t.match({ min, max }, { min: expected.min, max: expected.max });
  t.ok(Math.abs(mean - expected.mean) < 1e-9);
});
