import sharp from 'sharp';
import t from 'tap';
import { NO_TEST_DATA, readTestData } from '../../support/test-data.ts';
import { createFramesApp, writeLog } from '../app.ts';

/** Pixels of a picture: RGBA of each, row after row. */
async function decode(
  bytes: Buffer,
): Promise<{ width: number; height: number; at: (x: number, y: number) => number[] }> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    at: (x, y) => [...data.subarray(4 * (y * info.width + x), 4 * (y * info.width + x) + 4)],
  };
}

t.test('the whole classic log as one picture', { skip: NO_TEST_DATA }, async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(readTestData('image-log.csv'));
  const response = await get('/frames/picture');
  t.match(response.headers, {
    'content-type': 'image/png',
    'x-frame-count': '5460',
    'x-frame-width': '150',
  });
  const picture = await decode(response.rawPayload);
  t.strictSame([picture.width, picture.height], [150, 5460]);
  const frames = (await get('/frames?depth_min=9273&depth_max=9273')).json();
  const row = await decode(Buffer.from(frames[0].image, 'base64'));
  for (let x = 0; x < 150; x++) t.strictSame(picture.at(x, 2729), row.at(x, 0));
  for (const format of ['webp', 'jpeg']) {
    const other = await get(`/frames/picture?format=${format}`);
    const metadata = await sharp(other.rawPayload).metadata();
    t.strictSame([metadata.format, metadata.width, metadata.height], [format, 150, 5460]);
  }
  t.strictSame(
    (await decode((await get('/frames/picture?format=webp')).rawPayload)).at(70, 1000),
    picture.at(70, 1000),
    'WebP is lossless',
  );
});

t.test('height bins rows: average, then normalize, then colour', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(
    writeLog(12, 3, (row) => 20 * row),
    '?width=3',
  );
  const grey = async (query: string) => {
    const picture = await decode((await get(`/frames/picture?colormap=grey&${query}`)).rawPayload);
    return Array.from({ length: picture.height }, (_, y) => picture.at(1, y)[0]);
  };
  t.strictSame(await grey('height=4'), [20, 80, 140, 200]);
  t.strictSame(
    await grey('height=24'),
    Array.from({ length: 24 }, (_, y) => 20 * Math.floor(y / 2)),
    'rows repeat',
  );
  const spread = (level: number) => Math.floor((2 * 255 * level + 220) / 440);
  t.strictSame(await grey('height=4&normalization=static'), [20, 80, 140, 200].map(spread));
  t.strictSame(
    await grey('height=4&normalization=dynamic&window=100'),
    [20, 80, 140, 200].map(spread),
    'all is in the window',
  );
  t.strictSame(
    await grey('normalization=static'),
    Array.from({ length: 12 }, (_, row) => spread(20 * row)),
  );
});

t.test('scale=depth leaves gaps transparent', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const depth = (row: number) => (row < 10 ? row : row + 20);
  await uploadLog(
    writeLog(20, 2, () => 100, depth),
    '?width=2',
  );
  const picture = await decode((await get('/frames/picture?height=40&scale=depth&colormap=grey')).rawPayload);
  const alphas = Array.from({ length: 40 }, (_, y) => picture.at(0, y)[3]);
  t.strictSame(alphas, [...Array(10).fill(255), ...Array(20).fill(0), ...Array(10).fill(255)]);
  const jpeg = await decode((await get('/frames/picture?format=jpeg&height=40&scale=depth')).rawPayload);
  t.ok((jpeg.at(0, 20)[0] as number) > 250, 'white if there is no transparency');
  t.equal((await get('/frames/picture?scale=depth')).statusCode, 422, 'it needs a height');
  t.equal((await get('/frames/picture?scale=depth&height=9&order=file')).statusCode, 422);
});

t.test('pictures have bounds', async (t) => {
  const { uploadLog, get } = await createFramesApp(t, { MAX_OUTPUT_PIXELS: '100000' });
  await uploadLog(writeLog(20_000, 10), '?width=10');
  const large = await get('/frames/picture?height=10001');
  t.equal(large.statusCode, 422);
  t.equal(large.json().code, 'output_too_large');
  const largest = await get('/frames/picture?height=10000');
  t.equal(largest.statusCode, 200);
  t.strictSame(
    (await get('/frames/picture')).rawPayload,
    largest.rawPayload,
    'without a height, as many rows as a picture may have',
  );
  t.equal((await get('/frames/picture?limit=500')).statusCode, 200);
  t.equal(
    (await get('/frames/picture?depth_min=-5&depth_max=-4')).statusCode,
    404,
    'nothing makes no picture',
  );
  const tall = await createFramesApp(t);
  await tall.uploadLog(writeLog(20_000, 2), '?width=2');
  const webp = await tall.get('/frames/picture?format=webp&height=16384');
  t.match(webp.json().detail, /16383/, 'WebP has 16,383 pixels a side at most');
  const adapted = await decode((await tall.get('/frames/picture?format=webp')).rawPayload);
  t.equal(adapted.height, 16_383, 'without a height, as many rows as WebP may have');
  t.equal((await tall.get('/frames/picture?format=jpeg&height=65500')).statusCode, 200);
  const tooTall = await tall.get('/frames/picture?format=jpeg&height=65501');
  t.equal(tooTall.statusCode, 422, 'libjpeg writes no more than 65,500 rows');
  t.match(tooTall.json().detail, /65500 pixels a side/);
  t.notOk('etag' in tooTall.headers, 'a failure has no header of a picture');
  const chosen = await tall.get('/frames/picture?format=auto', { accept: 'image/webp,image/*;q=0.8' });
  t.equal(chosen.headers['content-type'], 'image/png', 'the next format that the client takes');
});

t.test('frame sets that meet in a picture', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const first = await uploadLog(
    writeLog(10, 4, () => 50),
    '?width=4',
  );
  const second = await uploadLog(
    writeLog(
      10,
      4,
      () => 150,
      (row) => 100.05 + row / 10,
    ),
    '?width=4',
  );
  const both = [first, second].map((response) => `&frame_set_id=${response.json().id}`).join('');
  const picture = await decode((await get(`/frames/picture?colormap=grey${both}`)).rawPayload);
  t.strictSame(
    Array.from({ length: 20 }, (_, y) => picture.at(0, y)[0]),
    Array.from({ length: 20 }, (_, y) => (y % 2 ? 150 : 50)),
  );
  const binned = await decode((await get(`/frames/picture?colormap=grey&height=10${both}`)).rawPayload);
  t.equal(binned.at(0, 5)[0], 100);
});
