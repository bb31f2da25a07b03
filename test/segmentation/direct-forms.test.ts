import sharp from 'sharp';
import t from 'tap';
import type { Picture } from '../../src/segmentation/labels/picture.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { foregroundOf, labelPicture, segmentPicture } from '../../src/segmentation/segment.ts';
import { createTestApp } from '../support/app.ts';
import { resolveParams } from './support.ts';

const random = seededRandom(17);
const below = (end: number) => Math.floor(random() * end);
const oneOf = <T>(...values: readonly T[]): T => values[below(values.length)] as T;

/** Blots of a few levels with noise: many regions of all sizes. */
function randomPicture(): Picture {
  const [width, height] = [1 + below(60), 1 + below(60)];
  const channels = oneOf<Picture['channels']>(1, 2, 3, 4);
  const data = new Uint8Array(width * height * channels);
  const side = 1 + below(9);
  const blots = Uint8Array.from({ length: 64 * 64 * 4 }, () => below(256));
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < channels; channel++, i++) {
        const blot = Math.floor(y / side) * 64 + Math.floor(x / side);
        data[i] = random() < 0.1 ? below(256) : (blots[blot * 4 + channel] as number);
        if (channel === 3 || (channels === 2 && channel === 1)) data[i] = random() < 0.2 ? 0 : 255;
      }
  return { width, height, channels, data };
}

function randomParams() {
  const method = oneOf(
    { method: 'otsu', channel: oneOf('luminance', 'red', 'alpha', 'hue') },
    { method: 'threshold', value: below(256) },
    { method: 'threshold', adaptive: 'mean', block_size: 3 + 2 * below(4) },
    { method: 'multi_otsu', classes: 2 + below(3) },
  );
  const isTwo = !('classes' in method) || method.classes === 2;
  return resolveParams({
    ...method,
    invert: oneOf(true, false),
    ...(isTwo ? { open: below(3), close: below(3) } : {}),
    fill_holes: oneOf(true, false),
    connectivity: oneOf(4, 8),
    ...(random() < 0.5 ? { segments: oneOf('components', 'classes') } : {}),
    min_area: oneOf(1, 1, 2, 5, 40),
    max_segments: oneOf(65_535, 300, 3, 1),
    ...(random() < 0.2 ? { working_size: 16 } : {}),
  });
}

t.test('labels and foreground are those of the measured segments, pixel for pixel', async (t) => {
  for (let round = 0; round < 400; round += 1) {
    const [picture, params] = [randomPicture(), randomParams()];
    const { labels } = await segmentPicture(picture, params);
    const label = JSON.stringify({ ...params, width: picture.width, height: picture.height });
    t.strictSame(await labelPicture(picture, params), labels, label);
    const { data, ...size } = await foregroundOf(picture, params);
    t.strictSame(size, { width: picture.width, height: picture.height });
    t.ok(
      labels.data.every((value, i) => (value === 0) === (data[i] === 0)),
      label,
    );
  }
});

t.test('a form of a picture is that of its mask, and is made without the mask', async (t) => {
  const { send, upload } = await createTestApp(t);
  const { width, height, channels, data } = randomPicture();
  const bytes = await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
  const { id } = (await upload({ bytes, filename: 'core.png' })).json().results[0].image;
  const stored = async () => (await send('GET', `/images/${id}/artifacts?kind=mask`)).json().items.length;
  for (const [form, method, query] of [
    ['binary-mask', { method: 'otsu' }, ''],
    ['binary-mask', { method: 'otsu', invert: true, min_area: 4 }, ''],
    ['binary-mask', { method: 'multi_otsu', classes: 4 }, 'label=2'],
    ['binary-mask', { method: 'threshold', value: 100 }, 'label=1'],
    ['overlay', { method: 'threshold', value: 120 }, ''],
    ['overlay', { method: 'threshold', adaptive: 'mean' }, 'format=webp&outlines=false'],
    ['overlay', { method: 'multi_otsu', segments: 'components' }, 'opacity=1'],
  ] as const) {
    const how = new URLSearchParams(
      Object.entries(method).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const url = `/images/${id}/segmentation/${form}?${how}&${query}`;
    const before = await stored();
    const direct = await send('GET', url);
    t.equal(direct.statusCode, 200, direct.body);
    t.equal(await stored(), before, 'no mask is stored');
    const location = String(direct.headers['content-location']);
    t.match(location, /^\/artifacts\/[0-9a-f-]+\/content$/);
    t.strictSame((await send('GET', location)).rawPayload, direct.rawPayload);
    const known = { 'if-none-match': String(direct.headers.etag) };
    t.equal((await send('GET', url, undefined, known)).statusCode, 304);

    const mask = (await send('POST', `/images/${id}/segmentation`, method)).json();
    const shown = await send('GET', url);
    t.match(String(shown.headers['content-location']), `/artifacts/${mask.id}/segments/${form}`);
    t.strictSame(shown.rawPayload, direct.rawPayload, url);
    t.equal(shown.headers['content-disposition'], direct.headers['content-disposition']);
  }
});

t.test('slow methods store their mask', async (t) => {
  const { send, upload } = await createTestApp(t);
  const bytes = await sharp({ create: { width: 30, height: 20, channels: 3, background: '#c8761b' } })
    .png()
    .toBuffer();
  const { id } = (await upload({ bytes })).json().results[0].image;
  for (const query of ['method=kmeans&clusters=2', 'method=threshold&adaptive=gaussian']) {
    const { headers } = await send('GET', `/images/${id}/segmentation/binary-mask?${query}`);
    t.match(headers['content-location'], /^\/artifacts\/[0-9a-f-]+\/segments\/binary-mask$/, query);
  }
});

t.test('faults are those of the mask', async (t) => {
  const { send, upload } = await createTestApp(t);
  const bytes = await sharp({ create: { width: 30, height: 20, channels: 3, background: '#c8761b' } })
    .png()
    .toBuffer();
  const { id } = (await upload({ bytes })).json().results[0].image;
  for (const [query, path, message] of [
    ['page=3', '/page', undefined],
    ['label=7', '/label', /a label of the segmentation/],
    ['method=threshold', '/value', undefined],
    ['method=threshold&value=10&working_size=1', '/working_size', undefined],
  ] as const) {
    const answer = await send('GET', `/images/${id}/segmentation/binary-mask?${query}`);
    t.equal(answer.statusCode, 422, query);
    const [fault] = answer.json().errors;
    t.match(fault, { location: 'query', path }, query);
    if (message !== undefined) t.match(fault.message, message);
  }
});
