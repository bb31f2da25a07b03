import sharp from 'sharp';
import t from 'tap';
import { SINGLE_OPERATION_EXAMPLES, TRANSFORM_EXAMPLES } from '../../src/manipulation/examples.ts';
import { createTestApp, type TestApp } from '../support/app.ts';

/** A picture in which no two columns are alike. */
async function gradient(width = 320, height = 240): Promise<Buffer> {
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, index) => (index * 7) % 251));
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

async function appWithImage(t: Parameters<typeof createTestApp>[0], settings?: Record<string, string>) {
  const testApp = await createTestApp(t, settings);
  return { ...testApp, id: await uploadOne(testApp, await gradient()) };
}

async function uploadOne({ upload }: TestApp, bytes: Buffer): Promise<string> {
  return (await upload({ bytes, filename: 'core.png' })).json().results[0].image.id;
}

t.test('a resize gives an artifact; the second time the same one; the picture is what it says', async (t) => {
  const { send, id } = await appWithImage(t);
  const first = await send('POST', `/images/${id}/resize`, { width: 160 });
  t.equal(first.statusCode, 201);
  const artifact = first.json();
  t.equal(first.headers.location, `/artifacts/${artifact.id}`);
  t.match(artifact, {
    kind: 'picture',
    media_type: 'image/png',
    filename: 'core.png',
    retention: 'kept',
    result: { width: 160, height: 120 },
  });
  t.strictSame(artifact.inputs, [{ type: 'image', id }]);

  const second = await send('POST', `/images/${id.toUpperCase()}/resize`, {
    width: 160,
    fit: 'cover',
    format: 'png',
  });
  t.equal(second.statusCode, 200);
  t.equal(
    second.json().id,
    artifact.id,
    'defaults that are spelled out and another spelling of the id make no difference',
  );

  const content = await send('GET', artifact.content_url);
  const metadata = await sharp(content.rawPayload).metadata();
  t.match(metadata, { format: 'png', width: 160, height: 120 });
  t.equal(content.rawPayload.length, artifact.size);
});

t.test('one-step routes, a transform with one step, and GET are the same artifact', async (t) => {
  const { send, id } = await appWithImage(t);
  const ids = new Set([
    (await send('POST', `/images/${id}/convert`, { format: 'webp', quality: 70 })).json().id,
    (
      await send('POST', `/images/${id}/transform`, {
        operations: [],
        output: { format: 'webp', quality: 70 },
      })
    ).json().id,
    (
      await send('POST', `/images/${id}/transform`, {
        operations: [{ op: 'convert', format: 'webp', quality: 70 }],
      })
    ).json().id,
    String(
      (await send('GET', `/images/${id}/convert?format=webp&quality=70`)).headers['content-location'],
    ).split('/')[2],
  ]);
  t.equal(ids.size, 1);
});

t.test('render answers with the picture, transform with the artifact', async (t) => {
  const { send, id } = await appWithImage(t);
  const body = { operations: [{ op: 'resize', width: 50 }] };
  const rendered = await send('POST', `/images/${id}/render`, body);
  t.equal(rendered.statusCode, 200);
  t.equal(rendered.headers['content-type'], 'image/png');
  t.match(rendered.headers['cache-control'], 'no-store');
  t.equal((await sharp(rendered.rawPayload).metadata()).width, 50);
  const artifact = (await send('POST', `/images/${id}/transform`, body)).json();
  t.equal(rendered.headers['content-location'], artifact.content_url);
});

t.test('Accept chooses under format=auto alone', async (t) => {
  const { send, id } = await appWithImage(t);
  const url = `/images/${id}/resize?width=50`;
  for (const [query, accept, type, vary] of [
    ['', 'image/webp', 'image/png', undefined],
    ['', 'text/html', 'image/png', undefined],
    ['&format=webp', 'image/avif', 'image/webp', undefined],
    ['&format=auto', 'image/webp,*/*;q=0.8', 'image/webp', 'Accept'],
    ['&format=auto', '*/*', 'image/png', 'Accept'],
    ['&format=auto', 'image/*', 'image/png', 'Accept'],
    ['&format=auto', 'image/jpeg', 'image/jpeg', 'Accept'],
  ] as const) {
    const { headers } = await send('GET', url + query, undefined, { accept });
    t.equal(headers['content-type'], type, `${query}, ${accept}`);
    t.equal(headers.vary, vary, `${query}, ${accept}`);
  }
  const none = await send('GET', `${url}&format=auto`, undefined, { accept: 'text/html' });
  t.match([none.statusCode, none.json().code], [406, 'not_acceptable']);
  const posted = await send(
    'POST',
    `/images/${id}/resize`,
    { width: 50, format: 'auto' },
    { accept: 'image/webp' },
  );
  t.equal(posted.json().media_type, 'image/webp');
});

t.test('GET is cacheable, and what it makes may be evicted unless a POST asks for it too', async (t) => {
  const { send, id, services } = await appWithImage(t);
  const url = `/images/${id}/resize?width=64`;
  const picture = await send('GET', url);
  t.equal(picture.statusCode, 200);
  t.equal(
    (await send('GET', url, undefined, { 'if-none-match': String(picture.headers.etag) })).statusCode,
    304,
  );
  t.equal((await send('GET', url, undefined, { range: 'bytes=0-7' })).statusCode, 206);
  t.equal((await send('HEAD', url)).headers['content-length'], String(picture.rawPayload.length));

  await send('GET', `/images/${id}/resize?width=65`);
  t.equal((await send('POST', `/images/${id}/resize`, { width: 64 })).json().retention, 'kept');
  t.equal((await services.artifacts.evictCached(0)).length, 1);
  const left = (await send('GET', `/images/${id}/artifacts`)).json().items;
  t.strictSame(
    left.map((item: { retention: string; result: { width: number } }) => [item.retention, item.result.width]),
    [['kept', 64]],
  );
});

t.test('artifacts can be worked on like images, and go with what they were made from', async (t) => {
  const { send, id, services } = await appWithImage(t);
  const half = (await send('POST', `/images/${id}/resize`, { width: 160 })).json();
  const quarter = (
    await send('POST', `/artifacts/${half.id}/transform`, {
      operations: [{ op: 'resize', width: 80 }, { op: 'grayscale' }],
    })
  ).json();
  t.match(quarter, { inputs: [{ type: 'artifact', id: half.id }], result: { width: 80, height: 60 } });
  t.strictSame(
    (await send('GET', `/artifacts/${half.id}/artifacts`))
      .json()
      .items.map((item: { id: string }) => item.id),
    [quarter.id],
  );
  t.equal(
    (await send('GET', `/artifacts/${quarter.id}/crop?left=0&top=0&width=10&height=10`)).statusCode,
    200,
  );

  t.equal((await send('DELETE', `/artifacts/${half.id}`)).statusCode, 204);
  t.equal((await send('GET', `/artifacts/${quarter.id}`)).statusCode, 404);
  await send('POST', `/images/${id}/resize`, { width: 20 });
  t.equal((await send('DELETE', `/images/${id}`)).statusCode, 204);
  const { rows } = await services.database.pool.query(
    'SELECT (SELECT count(*) FROM artifacts)::int AS artifacts, (SELECT count(*) FROM artifact_inputs)::int AS inputs, (SELECT count(*) FROM blobs)::int AS blobs',
  );
  t.strictSame(rows[0], { artifacts: 0, inputs: 0, blobs: 0 });
});

t.test('a watermark is another image, and must be yours', async (t) => {
  const testApp = await appWithImage(t);
  const { send, id } = testApp;
  const red = await sharp({ create: { width: 32, height: 24, channels: 4, background: '#f00' } })
    .png()
    .toBuffer();
  const mark = await uploadOne(testApp, red);
  const composite = (overlay: object) => ({ operations: [{ op: 'composite', overlay, left: 0, top: 0 }] });
  const made = await send('POST', `/images/${id}/transform`, composite({ image_id: mark }));
  t.equal(made.statusCode, 201);
  t.strictSame(made.json().inputs, [
    { type: 'image', id },
    { type: 'image', id: mark },
  ]);
  const { data } = await sharp((await send('GET', made.json().content_url)).rawPayload)
    .raw()
    .toBuffer({ resolveWithObject: true });
  t.strictSame([...data.subarray(0, 3)], [255, 0, 0]);

  const missing = await send(
    'POST',
    `/images/${id}/transform`,
    composite({ image_id: '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11' }),
  );
  t.equal(missing.statusCode, 422);
  t.equal(missing.json().errors[0].path, '/operations/0/overlay');

  t.equal((await send('DELETE', `/images/${mark}`)).statusCode, 204);
  t.equal(
    (await send('GET', `/artifacts/${made.json().id}`)).statusCode,
    404,
    'what shows a deleted picture is deleted with it',
  );
});

t.test('faults are told where the parameter was given', async (t) => {
  const { send, id } = await appWithImage(t);
  const cases: [string, object | undefined, string, string][] = [
    [`/images/${id}/resize`, { width: 0 }, 'body', '/width'],
    [`/images/${id}/resize`, {}, 'body', '/width'],
    [`/images/${id}/resize`, { width: 10, format: 'jpeg', lossless: true }, 'body', '/lossless'],
    [`/images/${id}/crop`, { left: 300, top: 0, width: 100, height: 10 }, 'body', '/width'],
    [
      `/images/${id}/transform`,
      { operations: [{ op: 'blur', sigma: 1 }, { op: 'nothing' }] },
      'body',
      '/operations/1/op',
    ],
    [`/images/${id}/transform`, { operations: [{ sigma: 1 }] }, 'body', '/operations/0/op'],
    [`/images/${id}/transform`, { operations: [{ op: 'rotate', angel: 3 }] }, 'body', '/operations/0/angel'],
    [
      `/images/${id}/transform`,
      { operations: [{ op: 'resize', width: 60000, height: 60000 }] },
      'body',
      '/operations/0/width',
    ],
    [`/images/${id}/resize?width=0`, undefined, 'query', '/width'],
    [`/images/${id}/resize?width=10&format=jpeg&lossless=true`, undefined, 'query', '/lossless'],
    [`/images/${id}/convert?format=bmp`, undefined, 'query', '/format'],
    [`/images/${id}/resize?width=10&page=5`, undefined, 'query', '/page'],
  ];
  for (const [url, body, location, path] of cases) {
    const response = await send(body ? 'POST' : 'GET', url, body);
    const problem = response.json();
    t.equal(response.statusCode, 422, `${url} ${JSON.stringify(body)}`);
    t.match(
      problem.errors?.[0],
      { location, path },
      `${url} ${JSON.stringify(body)} ${JSON.stringify(problem)}`,
    );
  }
});

t.test('every example of the docs works', async (t) => {
  const { send, id } = await appWithImage(t);
  const bodies = [
    ...Object.entries(SINGLE_OPERATION_EXAMPLES).flatMap(([name, examples]) =>
      Object.values(examples).map(({ value }) => [name, value] as const),
    ),
    ...Object.values(TRANSFORM_EXAMPLES).map(({ value }) => ['transform', value] as const),
  ];
  for (const [name, value] of bodies) {
    const response = await send('POST', `/images/${id}/${name}`, value as object);
    t.equal(response.statusCode, 201, `${name} ${JSON.stringify(value)}: ${response.body}`);
  }
});

t.test(
  'an option that the format does not take is refused, or dropped and named if the request says so',
  async (t) => {
    const { send, id } = await appWithImage(t);
    const image = `/images/${id}`;
    const plain = (await send('POST', `${image}/resize`, { width: 40 })).json();
    t.notOk('ignored' in plain, 'nothing was dropped');

    const strict = await send('POST', `${image}/resize`, { width: 40, quality: 80, strict: true });
    t.match([strict.statusCode, strict.json().errors[0].path], [422, '/quality']);
    t.notOk('x-ignored-parameters' in strict.headers);

    const lenient = { quality: 80, colors: 8, lossless: false, strict: false };
    const posted = await send('POST', `${image}/resize`, { width: 40, ...lenient });
    t.equal(posted.statusCode, 200);
    t.match(posted.json(), { id: plain.id, parameters: plain.parameters, ignored: ['quality', 'colors'] });
    t.notOk('strict' in posted.json().parameters, 'strict does not belong to the work');
    t.equal(posted.headers['x-ignored-parameters'], 'quality, colors');

    const operations = [{ op: 'resize', width: 40 }];
    for (const body of [
      { operations, output: { quality: 80, colors: 8 }, strict: false },
      { operations: [...operations, { op: 'convert', quality: 80, colors: 8 }], strict: false },
    ]) {
      const transformed = await send('POST', `${image}/transform`, body);
      t.match(transformed.json(), { id: plain.id, ignored: ['quality', 'colors'] });
      const rendered = await send('POST', `${image}/render`, body);
      t.equal(rendered.headers['content-location'], plain.content_url);
      t.equal(rendered.headers['x-ignored-parameters'], 'quality, colors');
    }

    const url = `${image}/resize?width=40&quality=80&colors=8&strict=False`;
    const shown = await send('GET', url);
    t.equal(shown.headers['content-location'], plain.content_url);
    t.equal(shown.headers['x-ignored-parameters'], 'quality, colors');
    const known = await send('GET', url, undefined, { 'if-none-match': String(shown.headers.etag) });
    t.strictSame([known.statusCode, known.headers['x-ignored-parameters']], [304, 'quality, colors']);

    const jpeg = await send('GET', `${image}/resize?width=40&quality=80&format=jpg&strict=false`);
    t.equal(jpeg.statusCode, 200);
    t.notOk('x-ignored-parameters' in jpeg.headers, 'JPEG takes a quality');
    const wrong = await send('GET', `${image}/convert?format=webp&effort=10&strict=false`);
    t.equal(wrong.statusCode, 422, 'a wrong value is refused nonetheless');
    for (const [path, body] of [
      ['convert', { format: 'png', quality: 80, strict: false }],
      ['crop', { left: 0, top: 0, width: 9, height: 9, quality: 80, strict: false }],
    ] as const) {
      t.strictSame((await send('POST', `${image}/${path}`, body)).json().ignored, ['quality'], path);
    }
  },
);
