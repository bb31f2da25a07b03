import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import type { Segment } from '../../src/segmentation/labels/segment.ts';
import { METHOD_NAMES } from '../../src/segmentation/methods/index.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { NO_TEST_DATA, readTestData } from '../support/test-data.ts';
import { askOracle, encodeLabels, oracleSkip, overlap, readLabels } from './support.ts';

const skipShared = { skip: NO_TEST_DATA };

/** 12×8 pixels: three bright rectangles on black, one with a hole, one at the border. */
const ROWS = [
  '............',
  '.####...##..',
  '.#..#...##..',
  '.####.......',
  '............',
  '#...........',
  '#...........',
  '............',
];
const drawn = sharp(Buffer.from(ROWS.join('').replaceAll('#', '\xc8').replaceAll('.', '\x0a'), 'latin1'), {
  raw: { width: 12, height: 8, channels: 1 },
})
  .png()
  .toBuffer();

let served: TestApp;
t.before(async () => {
  served = await createTestApp(t);
});

/** Uploads a picture for one test; afterwards it is deleted with all that was made of it. */
async function uploadFor(t: Test, bytes: Buffer, filename = 'core.png'): Promise<string> {
  const { id } = (await served.upload({ bytes, filename })).json().results[0].image;
  t.teardown(() => served.send('DELETE', `/images/${id}`));
  return id;
}

async function appWithImage(t: Test, bytes?: Buffer) {
  return { ...served, id: await uploadFor(t, bytes ?? (await drawn)) };
}

const countBlobs = async ({ services }: Pick<TestApp, 'services'>): Promise<number> =>
  (await services.database.pool.query('SELECT FROM blobs')).rowCount ?? -1;

/** A picture is segmented by POST: the answer, which is the artifact, and its segments. */
async function segment(resource: string, body?: object) {
  const posted = await served.send('POST', `${resource}/segmentation`, body);
  const artifact = posted.json();
  const segments = await served.send('GET', `/artifacts/${artifact.id}/segments`);
  return { posted, artifact, segmentation: segments.json() };
}

/** The same by GET: the answer has the segments, and names the artifact. */
async function look(resource: string, query = '') {
  const got = await served.send('GET', `${resource}/segmentation?${query}`);
  const path = String(got.headers['content-location']).replace(/\/segments$/, '');
  const artifact = (await served.send('GET', path)).json();
  return { got, artifact, segmentation: got.json() };
}

t.test('a segmentation is an artifact with segments; GET and POST give the same one', async (t) => {
  const { send, id } = await appWithImage(t);
  const { posted, artifact, segmentation } = await segment(`/images/${id}`, { min_area: 2 });
  t.equal(posted.statusCode, 201);
  t.equal(posted.headers.location, `/artifacts/${artifact.id}`);
  t.match(artifact, {
    kind: 'mask',
    operation: 'segmentation',
    filename: 'core-labels.png',
    media_type: 'image/png',
    retention: 'kept',
    inputs: [{ type: 'image', id }],
    parameters: { method: 'otsu', channel: 'luminance', min_area: 2, segments: 'components' },
    result: { method: 'otsu', segment_count: 3, width: 12, height: 8, bit_depth: 8 },
  });
  t.notOk('segments' in artifact.result, 'lists of artifacts stay small');
  const { segments, ...summary } = segmentation;
  t.strictSame(summary, artifact.result);
  t.match(segments, [
    { label: 1, area: 10, bounding_box: { x: 1, y: 1, width: 4, height: 3 }, holes: 1, mean_color: [200] },
    { label: 2, area: 4, bounding_box: { x: 8, y: 1, width: 2, height: 2 }, touches_border: false },
    { label: 3, area: 2, centroid: { x: 0, y: 5.5 }, touches_border: true },
  ]);

  for (const query of ['min_area=2', 'method=otsu&min_area=2&connectivity=8&invert=false']) {
    const again = await look(`/images/${id}`, query);
    t.equal(again.got.headers['content-location'], `/artifacts/${artifact.id}/segments`);
    t.match(again.got.headers['content-disposition'], /filename=core-segments\.json/);
    t.strictSame(again.segmentation, segmentation);
  }
  const again = await send('POST', `/images/${id}/segmentation`, { method: 'otsu', min_area: 2, page: 0 });
  t.equal(again.statusCode, 200);
  t.strictSame(again.json(), artifact);

  const bare = await send('POST', `/images/${id}/segmentation`);
  t.equal(bare.statusCode, 201, 'no body is all defaults');
  t.equal(bare.json().parameters.min_area, 1);
  const got = await look(`/images/${id}`, 'max_segments=1');
  t.equal(got.artifact.retention, 'cached');
  t.match(got.segmentation, {
    segment_count: 1,
    dropped: { max_segments: 2 },
    segments: [{ area: 10 }],
  });
});

t.test('ranges and HEAD of every form', async (t) => {
  const { send, id } = await appWithImage(t);
  for (const form of ['', '/label-map', '/overlay', '/coco-rle', '/csv']) {
    const url = `/images/${id}/segmentation${form}`;
    const whole = await send('GET', url);
    t.equal(whole.statusCode, 200, form);
    const part = await send('GET', url, undefined, { range: 'bytes=5-44' });
    t.equal(part.statusCode, 206, form);
    t.strictSame(part.rawPayload, whole.rawPayload.subarray(5, 45), form);
    const tail = await send('GET', url, undefined, { range: 'bytes=-3' });
    t.strictSame(tail.rawPayload, whole.rawPayload.subarray(-3), form);
    const head = await send('HEAD', url);
    t.equal(head.headers['content-length'], String(whole.rawPayload.length), form);
    t.equal(head.rawPayload.length, 0, form);
  }
});

t.test('every form of a stored mask', async (t) => {
  const { send, id, config } = await appWithImage(t);
  const mask = (await send('POST', `/images/${id}/segmentation`)).json().id;
  const show = async (form: string) => {
    const response = await send('GET', `/artifacts/${mask}/segments/${form}`);
    t.equal(response.statusCode, 200, form);
    return response;
  };
  const labelMap = await show('label-map');
  t.equal(labelMap.headers['content-type'], 'image/png');
  const { data: labels } = await readLabels(labelMap.rawPayload);
  t.strictSame([...new Set(labels)].sort(), [0, 1, 2, 3]);
  t.strictSame((await send('GET', `/artifacts/${mask}/content`)).rawPayload, labelMap.rawPayload);

  const binary = async (form: string) => {
    const { rawPayload, headers } = await show(form);
    t.equal(headers['content-type'], 'image/png');
    const { data, info } = await sharp(rawPayload)
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    t.equal(info.channels, 1);
    return [...data];
  };
  t.strictSame(
    await binary('binary-mask'),
    [...ROWS.join('')].map((c) => (c === '#' ? 255 : 0)),
  );
  t.strictSame(
    await binary('binary-mask?label=2'),
    [...labels].map((label) => (label === 2 ? 255 : 0)),
  );

  for (const [form, type, name] of [
    ['overlay', 'image/png', 'core-overlay.png'],
    ['overlay?format=webp', 'image/webp', 'core-overlay.webp'],
    ['overlay?format=jpeg', 'image/jpeg', 'core-overlay.jpg'],
    ['binary-mask?label=2', 'image/png', 'core-mask-2.png'],
    ['csv', 'text/csv; charset=utf-8', 'core-segments.csv'],
    ['geojson', 'application/geo+json', 'core-segments.geojson'],
    ['coco-polygons', 'application/json', 'core-coco.json'],
  ] as const) {
    const { headers } = await show(form);
    t.equal(headers['content-type'], type, form);
    t.equal(headers['content-disposition'], `inline; filename=${name}`, form);
  }

  const plain = await sharp((await show('overlay?opacity=0&outlines=false')).rawPayload)
    .raw()
    .toBuffer();
  t.strictSame(
    [...plain],
    [...ROWS.join('')].flatMap((c) => Array(3).fill(c === '#' ? 200 : 10)),
    'without colours, the overlay is the picture',
  );
  const full = await sharp((await show('overlay?opacity=1')).rawPayload)
    .raw()
    .toBuffer();
  const at = (x: number, y: number) => full.subarray((y * 12 + x) * 3, (y * 12 + x) * 3 + 3).toString('hex');
  t.equal(at(2, 2), '0a0a0a', 'background, and the hole, keep their colour');
  t.not(at(1, 1), at(8, 1), 'labels have colours of their own');

  const coco = (await show('coco-uncompressed-rle')).json();
  t.match(coco.images, [{ id: 1, width: 12, height: 8, file_name: 'core.png' }]);
  t.strictSame(coco.annotations[2].segmentation, { size: [8, 12], counts: [5, 2, 89] }, 'column-major');
  t.strictSame((await show('coco-polygons')).json().annotations[1].segmentation, [
    [8, 1, 10, 1, 10, 3, 8, 3],
  ]);
  t.type((await show('coco-rle')).json().annotations[0].segmentation.counts, 'string');
  const geo = (await show('geojson')).json();
  t.strictSame(geo.bbox, [0, 0, 12, 8]);
  t.equal(geo.features[0].geometry.coordinates[0].length, 2, 'an exterior and a hole');
  const [header, first] = (await show('csv')).body.split('\r\n');
  t.match(header, /^label,area,share,x,y,width,height,/);
  t.match(first, /^1,10,/);

  const leftovers = async () => {
    const names = await readdir(config.TEMP_JSON_DIR, { recursive: true });
    return names.filter((name) => /\/[0-9a-f]{24}$/.test(name));
  };
  // The last one goes once its answer has been sent.
  for (let wait = 0; wait < 50 && (await leftovers()).length > 0; wait += 1) await sleep(20);
  t.strictSame(await leftovers(), [], 'temporary files are gone');
});

t.test('parameters of another form, and labels that are not there', async (t) => {
  const { send, id } = await appWithImage(t);
  const mask = (await send('POST', `/images/${id}/segmentation`)).json().id;
  for (const [form, path] of [
    ['/csv?format=png', '/format'],
    ['?label=2', '/label'],
    ['/overlay?label=2', '/label'],
    ['/csv?opacity=0.5', '/opacity'],
    ['/binary-mask?format=png', '/format'],
    ['/binary-mask?label=0', '/label'],
    ['/binary-mask?label=4', '/label'],
    ['/binary-mask?label=65536', '/label'],
    ['/binary-mask?label=x', '/label'],
    ['/overlay?opacity=1.1', '/opacity'],
    ['/overlay?opacity=-0.1', '/opacity'],
    ['/overlay?outlines=maybe', '/outlines'],
    ['/overlay?format=gif', '/format'],
    ['/geojson?colour=red', '/colour'],
  ] as const) {
    for (const url of [`/artifacts/${mask}/segments${form}`, `/images/${id}/segmentation${form}`]) {
      const response = await send('GET', url);
      t.equal(response.statusCode, 422, `${url}: ${response.body}`);
      t.match(response.json().errors, [{ location: 'query', path }], url);
      // Some are found only as the mask is drawn, when the headers of the picture have been set.
      t.equal(response.headers['content-location'], undefined, url);
      t.equal(response.headers['content-disposition'], undefined, url);
    }
  }
  t.match((await send('GET', `/artifacts/${mask}/segments/yolo`)).json(), { code: 'not_found' });
  const page = await send('GET', `/artifacts/${mask}/segments/overlay?page=0`);
  t.equal(page.statusCode, 422, 'which page was segmented is the mask’s to say');
});

t.test('artifacts: a picture can be segmented, a mask too; only a mask has segments', async (t) => {
  const { send, id } = await appWithImage(t);
  const cropped = (await send('POST', `/images/${id}/crop`, { left: 0, top: 0, width: 6, height: 4 })).json();
  const inner = await segment(`/artifacts/${cropped.id}`, { fill_holes: true });
  t.match(inner.segmentation.segments, [{ area: 12, holes: 0 }]);
  t.strictSame(inner.artifact.inputs, [{ type: 'artifact', id: cropped.id }]);
  const overlay = await send('GET', `/artifacts/${cropped.id}/segmentation/overlay?fill_holes=true`);
  t.match(await sharp(overlay.rawPayload).metadata(), { width: 6, height: 4 });
  const again = await send('GET', `/artifacts/${inner.artifact.id}/segmentation`);
  t.equal(again.statusCode, 200, 'a label map is a picture');

  const other = await send('GET', `/artifacts/${cropped.id}/segments`);
  t.equal(other.statusCode, 422);
  t.match(other.json().errors, [{ location: 'path', path: '/id' }]);
  for (const url of [
    '/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/segmentation',
    '/artifacts/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/segmentation',
    '/artifacts/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/segments',
  ])
    t.equal((await send('GET', url)).statusCode, 404, url);
  const histogram = await send('GET', `/images/${id}/histogram`);
  const measured = /artifacts\/([^/]+)/.exec(String(histogram.headers['content-location']))?.[1];
  t.equal(
    (await send('GET', `/artifacts/${measured}/segmentation`)).statusCode,
    422,
    'a histogram is not a picture',
  );
});

t.test('equal questions at the same time are one computation', async (t) => {
  const { send, id } = await appWithImage(t);
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => send('POST', `/images/${id}/segmentation`, { method: 'kmeans' })),
  );
  t.equal(new Set(answers.map((answer) => answer.json().id)).size, 1);
  t.equal((await send('GET', `/images/${id}/artifacts?kind=mask`)).json().items.length, 1);
});

t.test('deletion and eviction leave neither label map nor document', async (t) => {
  const testApp = await appWithImage(t);
  const { send, id, services } = testApp;
  const before = await countBlobs(testApp);
  const posted = (await send('POST', `/images/${id}/segmentation`)).json();
  t.equal(await countBlobs(testApp), before + 2, 'a label map and a document');
  t.equal((await send('DELETE', `/artifacts/${posted.id}`)).statusCode, 204);
  t.equal(await countBlobs(testApp), before);
  t.equal((await send('GET', `/artifacts/${posted.id}/segments`)).statusCode, 404);

  const got = (await look(`/images/${id}`)).artifact;
  const { rows } = await services.database.pool.query(
    'SELECT size::int, document_size::int AS document FROM artifacts WHERE id = $1',
    [got.id],
  );
  t.ok(rows[0].document > rows[0].size);
  t.strictSame(
    await services.artifacts.evictCached(rows[0].size + rows[0].document),
    [],
    'both count, and fit',
  );
  t.equal((await services.artifacts.evictCached(rows[0].size)).length, 2, 'the label map alone would fit');
  t.equal(await countBlobs(testApp), before);

  await send('POST', `/images/${id}/segmentation`, { invert: true });
  t.equal((await send('DELETE', `/images/${id}`)).statusCode, 204);
  t.equal(await countBlobs(testApp), 0, 'with their image');
});

t.test('a COCO document has the name that the picture has now', async (t) => {
  const { send, id } = await appWithImage(t);
  const url = `/images/${id}/segmentation/coco-rle`;
  const nameIn = async () => (await send('GET', url)).json().images[0].file_name;
  const { etag } = (await send('GET', url)).headers;
  t.equal(await nameIn(), 'core.png');
  await send('PATCH', `/images/${id}`, { filename: 'box 7.png' });
  t.equal(await nameIn(), 'box 7.png');
  const renamed = await send('GET', url, undefined, { 'if-none-match': String(etag) });
  t.equal(renamed.statusCode, 200, 'another name is another document');
});

t.test('a mask that is evicted just as a form of it is to be made is made again', async (t) => {
  const { send, id, services } = await appWithImage(t);
  const { maker, database } = services;
  const make = maker.make.bind(maker);
  maker.make = async (...request) => {
    maker.make = make;
    const made = await make(...request);
    await database.pool.query('DELETE FROM artifacts WHERE id = $1', [made.artifact.id]);
    return made;
  };
  t.equal((await send('GET', `/images/${id}/segmentation/geojson`)).statusCode, 200);
});

t.test('forms go with their mask', async (t) => {
  const { send, id } = await appWithImage(t);
  await send('GET', `/images/${id}/segmentation/csv`);
  const { items } = (await send('GET', `/images/${id}/artifacts?kind=form`)).json();
  t.equal(items.length, 1);
  const mask = items[0].inputs[0].id;
  t.equal((await send('DELETE', `/artifacts/${mask}`)).statusCode, 204);
  t.equal((await send('GET', `/artifacts/${items[0].id}`)).statusCode, 404);
});

t.test('someone else’s mask is not there', async (t) => {
  const { send, id, services } = await appWithImage(t);
  const mask = (await send('POST', `/images/${id}/segmentation`)).json().id;
  const { pool } = services.database;
  await pool.query("INSERT INTO users (id, name) VALUES ('11111111-1111-4111-8111-111111111111', 'other')");
  await pool.query("UPDATE artifacts SET owner_id = '11111111-1111-4111-8111-111111111111' WHERE id = $1", [
    mask,
  ]);
  for (const url of [
    `/artifacts/${mask}/segments`,
    `/artifacts/${mask}/segmentation`,
    `/artifacts/${mask}/content`,
  ])
    t.equal((await send('GET', url)).statusCode, 404, url);
  const histogram = await send('GET', `/images/${id}/histogram?mask=${mask}`);
  t.equal(histogram.statusCode, 422);
  t.match(histogram.json().errors, [{ location: 'query', path: '/mask' }]);
});

t.test('histograms of a mask, of a label and per label', async (t) => {
  const bytes = Buffer.from(
    Array.from({ length: 40 * 30 * 3 }, (_, index) => (index * 37 + (index >> 5) * 11) % 256),
  );
  const picture = await sharp(bytes, { raw: { width: 40, height: 30, channels: 3 } })
    .png()
    .toBuffer();
  const { send, id } = await appWithImage(t, picture);
  const { artifact, segmentation } = await segment(`/images/${id}`, { connectivity: 4 });
  const { data: labels } = await readLabels((await send('GET', artifact.content_url)).rawPayload);
  const counts = (channel: number, isMember: (label: number) => boolean) => {
    const found = Array(256).fill(0);
    labels.forEach((label, index) => {
      if (isMember(label)) found[bytes[index * 3 + channel] as number] += 1;
    });
    return found;
  };
  const CHANNELS = ['red', 'green', 'blue'];
  const whole = (await send('GET', `/images/${id}/histogram?mask=${artifact.id}`)).json();
  const one = (await send('GET', `/images/${id}/histogram?mask=${artifact.id}&label=3`)).json();
  const rest = (await send('GET', `/images/${id}/histogram?mask=${artifact.id}&label=0`)).json();
  t.equal(whole.pixels, segmentation.foreground_area);
  CHANNELS.forEach((name, channel) => {
    t.strictSame(
      whole.channels[name].counts,
      counts(channel, (label) => label !== 0),
      name,
    );
    t.strictSame(
      one.channels[name].counts,
      counts(channel, (label) => label === 3),
      name,
    );
    t.strictSame(
      rest.channels[name].counts,
      counts(channel, (label) => label === 0),
      name,
    );
  });
  const each = (await send('GET', `/images/${id}/histogram?mask=${artifact.id}&per_label=true`)).json();
  t.equal(each.labels.length, segmentation.segment_count);
  for (const { label, pixels, channels } of each.labels) {
    const segment = segmentation.segments[label - 1];
    t.equal(pixels, segment.area);
    CHANNELS.forEach((name, channel) => {
      t.strictSame(
        channels[name].counts,
        counts(channel, (other) => other === label),
      );
      t.ok(Math.abs(channels[name].mean - segment.mean_color[channel]) < 1e-9);
      t.ok(Math.abs(channels[name].stdev - segment.stdev_color[channel]) < 1e-6);
    });
  }
  const small = await send('POST', `/images/${id}/crop`, { left: 0, top: 0, width: 9, height: 9 });
  const misfit = await send('GET', `/artifacts/${small.json().id}/histogram?mask=${artifact.id}`);
  t.match([misfit.statusCode, misfit.json().errors], [422, [{ location: 'query', path: '/mask' }]]);
  const picturePath = await send('GET', `/images/${id}/histogram?mask=${small.json().id}`);
  t.match([picturePath.statusCode, picturePath.json().errors], [422, [{ location: 'query', path: '/mask' }]]);
});

t.test('coins: components, the watershed oracle, multi-Otsu', skipShared, async (t) => {
  const { send } = served;
  const id = await uploadFor(t, readTestData('images/coins.png'), 'coins.png');
  for (const [connectivity, count] of [
    [4, 154],
    [8, 96],
  ]) {
    const { segmentation } = await look(`/images/${id}`, `connectivity=${connectivity}`);
    t.match(segmentation, { segment_count: count, foreground_area: 45_117, found: { thresholds: [107] } });
    t.equal(segmentation.segments.filter(({ area }: Segment) => area >= 100).length, 24);
  }
  const classes = await send('GET', `/images/${id}/segmentation?method=multi_otsu&classes=4`);
  t.strictSame(classes.json().found.thresholds, [63, 107, 156]);

  const query = new URLSearchParams({
    method: 'watershed',
    markers: 'levels:30,150',
    fill_holes: 'true',
    min_area: '200',
  });
  const watershed = await look(`/images/${id}`, String(query));
  t.equal(watershed.segmentation.segment_count, 24);
  const found = (await readLabels((await send('GET', watershed.artifact.content_url)).rawPayload)).data;
  const oracle = (await readLabels(readTestData('oracles/coins-labels.png'))).data;
  for (let coin = 1; coin <= 24; coin++) {
    const hits = found.filter((_, i) => oracle[i] === coin && found[i] !== 0).sort();
    const label = hits[hits.length >> 1];
    const share = overlap(
      found.length,
      (i) => found[i] === label,
      (i) => oracle[i] === coin,
    );
    t.ok(share >= 0.95, `coin ${coin}: ${share}`);
  }
});

t.test('COCO over HTTP decodes in pycocotools to the label map', { skip: oracleSkip }, async (t) => {
  const { send } = served;
  const pictures = [await drawn, ...(NO_TEST_DATA ? [] : [readTestData('images/coins.png')])];
  const cases = [];
  for (const bytes of pictures) {
    const id = await uploadFor(t, bytes);
    for (const body of [{}, { method: 'kmeans', clusters: 3 }, { invert: true, connectivity: 4 }]) {
      const artifact = (await send('POST', `/images/${id}/segmentation`, body)).json();
      const annotations = Object.fromEntries(
        await Promise.all(
          ['rle', 'uncompressed-rle', 'polygons'].map(async (encoding) => [
            encoding,
            (await send('GET', `/artifacts/${artifact.id}/segments/coco-${encoding}`)).json().annotations,
          ]),
        ),
      );
      const labels = await readLabels((await send('GET', artifact.content_url)).rawPayload);
      cases.push({ labels: encodeLabels(labels), annotations });
    }
  }
  const verdict = askOracle([{ call: 'coco_faults', cases }])[0] as { count: number; faults: string[] };
  t.strictSame(verdict.faults, []);
  t.ok(verdict.count >= 3 * cases.length, `${verdict.count} annotations`);
});

/** A call of each method that fits a picture of any size. */
const CALLS: Record<(typeof METHOD_NAMES)[number], (width: number, height: number) => object> = {
  otsu: () => ({}),
  threshold: () => ({ method: 'threshold', value: 100 }),
  multi_otsu: () => ({ method: 'multi_otsu' }),
  kmeans: () => ({ method: 'kmeans', clusters: 3 }),
  watershed: () => ({ method: 'watershed' }),
  grabcut: (width, height) => ({
    method: 'grabcut',
    box: { x: 0, y: 0, width: Math.ceil(width / 2), height: Math.ceil(height / 2) },
    iterations: 1,
  }),
  color: () => ({ method: 'color', point: { x: 0, y: 0 } }),
};

t.test('every method on pictures at the edges', async (t) => {
  const { send } = served;
  const plain = (width: number, height: number, background: object) =>
    sharp({ create: { width, height, channels: 4, background } });
  const half = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#202020' } })
    .composite([
      { input: { create: { width: 20, height: 30, channels: 3, background: '#e0c040' } }, left: 20, top: 0 },
    ])
    .png()
    .toBuffer();
  const frames = [half, await sharp(half).negate({ alpha: false }).png().toBuffer()];
  const pictures: Record<string, Buffer> = {
    '1×1': await plain(1, 1, { r: 90, g: 40, b: 200, alpha: 1 }).png().toBuffer(),
    '1×10,000': await plain(1, 10_000, { r: 90, g: 40, b: 200, alpha: 1 }).png().toBuffer(),
    'all black': await plain(40, 30, { r: 0, g: 0, b: 0, alpha: 1 }).png().toBuffer(),
    'all white': await plain(40, 30, { r: 255, g: 255, b: 255, alpha: 1 }).png().toBuffer(),
    transparent: await plain(40, 30, { r: 255, g: 0, b: 0, alpha: 0 }).png().toBuffer(),
    cmyk: await sharp(half).toColourspace('cmyk').jpeg().toBuffer(),
    '16-bit': await sharp(half).toColourspace('rgb16').png().toBuffer(),
    animated: await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer(),
  };
  for (const [name, bytes] of Object.entries(pictures)) {
    const id = await uploadFor(t, bytes);
    const { width, height } = (await send('GET', `/images/${id}`)).json();
    for (const method of METHOD_NAMES) {
      const response = await send('POST', `/images/${id}/segmentation`, CALLS[method](width, height));
      if (name === '1×1' && method === 'grabcut') {
        // One pixel leaves no background to learn from.
        t.match([response.statusCode, response.json().errors], [422, [{ location: 'body', path: '/box' }]]);
        continue;
      }
      t.equal(response.statusCode, 201, `${name}, ${method}: ${response.body.slice(0, 200)}`);
      const artifact = response.json();
      const segmentation = artifact.result;
      t.match(segmentation, { method, width, height });
      if (name === 'transparent') t.equal(segmentation.segment_count, 0, method);
      const map = await readLabels((await send('GET', artifact.content_url)).rawPayload);
      t.equal(
        map.data.filter((label) => label !== 0).length,
        segmentation.foreground_area,
        `${name}, ${method}`,
      );
    }
    if (['cmyk', '16-bit', 'animated'].includes(name)) {
      const { segments } = (await send('GET', `/images/${id}/segmentation`)).json();
      t.match(segments, [{ area: 600, bounding_box: { x: 20, width: 20 } }], `${name}: the bright half`);
      const overlay = await send('GET', `/images/${id}/segmentation/overlay`);
      t.match(await sharp(overlay.rawPayload).metadata(), { width: 40, height: 30 }, name);
    }
    const last = await send('GET', `/images/${id}/segmentation?page=1`);
    if (name !== 'animated') {
      t.match([last.statusCode, last.json().errors], [422, [{ location: 'query', path: '/page' }]], name);
      continue;
    }
    t.match(last.json().segments, [{ area: 600, bounding_box: { x: 0 } }], 'the other page');
  }
});

t.test('a turned picture is segmented as it is seen', async (t) => {
  const upright = await drawn;
  const turned = await sharp(upright)
    .rotate(90)
    .jpeg({ quality: 100 })
    .withMetadata({ orientation: 8 })
    .toBuffer();
  const { send, id } = await appWithImage(t, turned);
  const segmentation = (await send('GET', `/images/${id}/segmentation?method=threshold&value=100`)).json();
  t.match(segmentation, { width: 12, height: 8, segments: [{ bounding_box: { x: 1, y: 1 } }, {}, {}] });
  const overlay = await send('GET', `/images/${id}/segmentation/overlay?method=threshold&value=100`);
  t.match(await sharp(overlay.rawPayload).metadata(), { width: 12, height: 8 });
});

t.test('more than 255 segments need 16 bits; max_segments keeps the largest', async (t) => {
  const side = 64;
  const dots = Buffer.alloc(side * side);
  for (let y = 0; y < side; y += 2) for (let x = 0; x < side; x += 2) dots[y * side + x] = 255;
  dots[1] = 255;
  const picture = await sharp(dots, { raw: { width: side, height: side, channels: 1 } })
    .png()
    .toBuffer();
  const { send, id } = await appWithImage(t, picture);
  const all = await look(`/images/${id}`, 'connectivity=4');
  t.match(all.segmentation, { segment_count: 1023, bit_depth: 16 });
  const { data } = await readLabels((await send('GET', all.artifact.content_url)).rawPayload);
  t.equal(Math.max(...data), 1023);
  const few = (await send('GET', `/images/${id}/segmentation?connectivity=4&max_segments=2`)).json();
  t.match(few, { segment_count: 2, dropped: { max_segments: 1021 }, segments: [{ area: 3 }, { area: 1 }] });
});
