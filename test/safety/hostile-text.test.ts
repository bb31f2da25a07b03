import type { LightMyRequestResponse } from 'fastify';
import sharp from 'sharp';
import t from 'tap';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { createFramesApp } from '../frames/app.ts';
import { multipartBody } from '../support/app.ts';
import { newPicture } from './listening.ts';

const LOG = 'depth,col1,col2\n1,2,3\n2,3,4\n';

/** PostgreSQL stores neither NUL nor half a surrogate pair; the others end names, change their direction or look like escapes. */
const PIECES = [
  '\0',
  '\ud800',
  '\udfff',
  '\u{1f600}',
  '\\u0000',
  '\\',
  '\ufeff',
  '\uffff',
  '\u202e',
  '"',
  "'",
];
const PLAIN = ['a', 'é', '%', '_', ';', '/', ' ', '\x7f', '\x1b'];

/** Texts of these pieces, some of them cut within a pair at the maximum length of a name. */
function hostileTexts(count: number): string[] {
  const random = seededRandom(20);
  const pick = (items: readonly string[]) => items[Math.floor(random() * items.length)] ?? '';
  const generated = Array.from({ length: count }, () => {
    const length = 1 + Math.floor(random() * 8);
    return Array.from({ length }, () => pick(random() < 0.6 ? PIECES : PLAIN)).join('');
  });
  return [
    ...PIECES,
    `${'x'.repeat(254)}\u{1f600}`,
    `${'x'.repeat(31)}\u{1f600}`,
    '\0'.repeat(300),
    ...generated,
  ];
}

/** UTF-8 that, unlike that of Buffer, keeps half a surrogate pair. */
function looseUtf8(text: string): Buffer {
  const bytes = [...text].flatMap((character) => {
    const unit = character.charCodeAt(0);
    const isHalf = character.length === 1 && unit >= 0xd800 && unit <= 0xdfff;
    if (!isHalf) return [...Buffer.from(character)];
    return [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
  });
  return Buffer.from(bytes);
}

const inUrl = (text: string): string =>
  looseUtf8(text).reduce((url, byte) => `${url}%${byte.toString(16).padStart(2, '0')}`, '');

/** A form of one file whose name has these bytes. */
function formWithName(field: string, bytes: Buffer, name: string) {
  const { body, headers } = multipartBody([{ bytes, filename: '@name@', field }]);
  const [before, after] = [
    body.subarray(0, body.indexOf('@name@')),
    body.subarray(body.indexOf('@name@') + 6),
  ];
  return { payload: Buffer.concat([before, looseUtf8(name), after]), headers };
}

/** A JPEG whose EXIF data has these bytes, cut to 40, as camera. */
function withCamera(jpeg: Buffer, camera: string): Buffer {
  const bytes = Buffer.alloc(40, 0x20);
  looseUtf8(camera).copy(bytes);
  const at = jpeg.indexOf('C'.repeat(40));
  if (at < 0) throw new Error('The EXIF data is not plain.');
  return Buffer.concat([jpeg.subarray(0, at), bytes, jpeg.subarray(at + 40)]);
}

function everyString(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => [name, ...everyString(item)]);
}

t.test('no text of a client is an internal error, wherever PostgreSQL would get it', async (t) => {
  const { app, send, uploadLog } = await createFramesApp(t);
  const jpeg = await sharp(await newPicture())
    .jpeg()
    .withExif({ IFD0: { Make: 'C'.repeat(40) } })
    .toBuffer();
  const first = (
    await app.inject({
      method: 'POST',
      url: '/images',
      ...formWithName('files', await newPicture(), 'a.png'),
    })
  ).json();
  const imageUrl = `/images/${first.results[0].image.id}`;
  const frameSetUrl = `/frame-sets/${(await uploadLog(LOG)).json().id}`;
  const uploadFile = (url: string, field: string, bytes: Buffer, name: string) =>
    app.inject({ method: 'POST', url, ...formWithName(field, bytes, name) });

  const places: Record<string, (text: string) => Promise<LightMyRequestResponse>> = {
    'the file name of an image': async (text) => uploadFile('/images', 'files', await newPicture(), text),
    'the camera of a photo': (text) => uploadFile('/images', 'files', withCamera(jpeg, text), 'a.jpg'),
    'the file name of a log': (text) => uploadFile('/upload?force=true', 'file', Buffer.from(LOG), text),
    'the name of a log': (text) => uploadLog(LOG, `?force=true&name=${inUrl(text)}`),
    'the unit of a log': (text) => uploadLog(LOG, `?force=true&depth_unit=${inUrl(text)}`),
    'the missing values of a log': (text) => uploadLog(LOG, `?force=true&null_values=${inUrl(text)}`),
    'a cell of a skipped row': (text) => {
      const log = Buffer.concat([Buffer.from(`${LOG}3,`), looseUtf8(text), Buffer.from(',4\n')]);
      return uploadLog(log, '?force=true&on_error=skip');
    },
    'a cell of a faulty log': (text) =>
      uploadLog(Buffer.concat([Buffer.from(`${LOG}3,`), looseUtf8(text), Buffer.from(',4\n')])),
    'a column of a log': (text) =>
      uploadLog(Buffer.concat([Buffer.from('depth,'), looseUtf8(text), Buffer.from('\n1,2\n')])),
    'a new file name': (text) => send('PATCH', imageUrl, { filename: text }),
    'a new name of a log': (text) => send('PATCH', frameSetUrl, { name: text }),
    'a new unit of a log': (text) => send('PATCH', frameSetUrl, { depth_unit: text }),
    'a parameter of a pipeline': (text) =>
      send('POST', `${imageUrl}/transform`, { operations: [{ op: 'flatten', background: text }] }),
    'a name of a parameter': (text) => send('POST', `${imageUrl}/histogram`, { [text]: 1 }),
    'an input of a pipeline': (text) =>
      send('POST', `${imageUrl}/transform`, {
        operations: [{ op: 'composite', overlay: { image_id: text } }],
      }),
    'a mask of a histogram': (text) => send('GET', `${imageUrl}/histogram?mask=${inUrl(text)}`),
    'a cursor': (text) => send('GET', `/images?cursor=${inUrl(text)}`),
    'the position in a cursor': (text) => {
      const position = ['filename', text, '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11'];
      const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');
      return send('GET', `/images?sort=filename&cursor=${cursor}`);
    },
    'a filter of a list': (text) => send('GET', `/images?format=${inUrl(text)}&filename=${inUrl(text)}`),
    'an id': (text) => send('GET', `/images/${inUrl(text)}`),
    'an id of a frame set': (text) => send('GET', `/frames?frame_set_id=${inUrl(text)}`),
  };
  for (const text of hostileTexts(15)) {
    for (const [place, request] of Object.entries(places)) {
      const { statusCode, body } = await request(text);
      t.ok(
        statusCode < 500,
        `${place}: ${JSON.stringify(text).slice(0, 80)}: ${statusCode} ${statusCode < 500 ? '' : body}`,
      );
    }
  }
  for (const list of ['/images?limit=500', '/frame-sets?limit=500']) {
    const { items } = (await send('GET', list)).json();
    t.ok(items.length > 50, `${items.length} items of ${list}`);
    const bad = everyString(items).filter((text) => text.includes('\0') || !text.isWellFormed());
    t.strictSame(bad, [], 'what was stored is well-formed');
  }
});
