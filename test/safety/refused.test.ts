import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { needsTestData, readTestData, testDataPath } from '../support/test-data.ts';
import { allowedMs } from '../support/time.ts';
import { type Answer, exchange } from './connection.ts';
import { head, type ListeningApp, listen, newPicture, problemOf, uploadOver } from './listening.ts';
import { eventually } from './processes.ts';

const MISSING_ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

/** A PNG chunk with its CRC. */
function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, body, sum]);
}

/** A greyscale PNG of a size that its header claims, with whatever data. */
function png(width: number, height: number, data: Buffer, depth = 8): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    pngChunk('IDAT', data),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The picture with another size in its JPEG frame header (SOF). */
function withJpegSize(jpeg: Buffer, width: number, height: number): Buffer {
  const changed = Buffer.from(jpeg);
  for (let at = 2; at < changed.length; at += 2 + changed.readUInt16BE(at + 2)) {
    const marker = changed[at + 1] ?? 0;
    if (marker === 0xc0 || marker === 0xc2) {
      changed.writeUInt16BE(height, at + 5);
      changed.writeUInt16BE(width, at + 7);
      return changed;
    }
  }
  throw new Error('The JPEG has no frame header.');
}

/** A GIF of one frame whose screen is as large as can be. */
function hugeGif(): Buffer {
  const screen = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 2, 0x44, 1, 0, 0x3b]);
  return Buffer.concat([Buffer.from('GIF89a'), screen, frame]);
}

async function bombs(): Promise<[string, Buffer][]> {
  const grey = { create: { width: 64, height: 64, channels: 3 as const, background: '#808080' } };
  const jpeg = await sharp(grey).jpeg().toBuffer();
  const progressive = await sharp(grey).jpeg({ progressive: true }).toBuffer();
  const tiff = await sharp(grey).tiff({ compression: 'none' }).toBuffer();
  const zeros = deflateSync(Buffer.alloc(50_000_000));
  return [
    ['a PNG header of 2^31-1 × 2^31-1', png(0x7fffffff, 0x7fffffff, Buffer.alloc(0))],
    ['a PNG header of 60,000 × 60,000', png(60_000, 60_000, zeros)],
    ['a PNG of width 0', png(0, 10, zeros)],
    ['a PNG that inflates to much more than its header says', png(10, 10, zeros).subarray(0, 40)],
    ['a PNG whose data is no zlib stream', png(100, 100, Buffer.from('nonsense'))],
    ['a baseline JPEG of 65,500 × 65,500', withJpegSize(jpeg, 65_500, 65_500)],
    ['a progressive JPEG of 65,500 × 65,500', withJpegSize(progressive, 65_500, 65_500)],
    ['a progressive JPEG of 30,000 × 10,000', withJpegSize(progressive, 30_000, 10_000)],
    ['a GIF screen of 65,535 × 65,535', hugeGif()],
    ['a TIFF cut in its directory', tiff.subarray(0, tiff.length - 40)],
    [
      'a WebP of only a header',
      Buffer.from('RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\xff', 'latin1'),
    ],
    ['an AVIF of only a brand', Buffer.from('\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf', 'latin1')],
    ['a JPEG of only its magic', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
    ['PDF', Buffer.from('%PDF-1.7\n')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['a BMP', Buffer.from('BM\x3a\0\0\0\0\0\0\0\x36\0\0\0', 'latin1')],
    ['an ICO', Buffer.from([0, 0, 1, 0, 1, 0, 16, 16, 0, 0])],
    ['an HTML page', Buffer.from('<!doctype html><script>alert(1)</script>')],
    ['a shell script', Buffer.from('#!/bin/sh\nrm -rf /\n')],
    ['an ImageMagick script', Buffer.from('push graphic-context\nviewbox 0 0 640 480\n')],
  ];
}

async function refusesFile(t: Test, app: ListeningApp, name: string, bytes: Buffer): Promise<void> {
  const answer = await uploadOver(app.port, bytes, name);
  const problem = problemOf(answer);
  t.ok(
    answer.status >= 400 && answer.status < 500 && problem,
    `${name}: ${answer.status} ${problem?.detail}`,
  );
  t.ok(answer.ms < allowedMs(1000), `${name}: ${Math.round(answer.ms)} ms`);
  t.strictSame(await app.temporaryFiles(), [], `${name}: temporary files are gone`);
  t.ok(await app.works(), `${name}: a good upload works`);
}

t.test('corrupt pictures of PngSuite are refused', needsTestData('pngsuite'), async (t) => {
  const app = await listen(t);
  const names = readdirSync(testDataPath('pngsuite')).filter((name) => /^x.*\.png$/.test(name));
  t.ok(names.length >= 1, `${names.length} files`);
  for (const name of names) await refusesFile(t, app, name, readTestData(`pngsuite/${name}`));
});

t.test('broken files are refused', needsTestData('broken'), async (t) => {
  const app = await listen(t);
  for (const name of readdirSync(testDataPath('broken'))) {
    await refusesFile(t, app, name, readTestData(`broken/${name}`));
  }
});

t.test('bombs and other files are refused', async (t) => {
  const app = await listen(t);
  for (const [name, bytes] of await bombs()) await refusesFile(t, app, name, bytes);
});

interface Operation {
  method: string;
  path: string;
  hasId: boolean;
  hasBody: boolean;
  queryNames: string[];
}

/** The operations of the OpenAPI document. */
async function operationsOf(app: ListeningApp): Promise<Operation[]> {
  const document = JSON.parse((await exchange(app.port, head('GET', '/openapi.json'))).body.toString());
  const operations: Operation[] = [];
  for (const [urlPath, methods] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const parameters = (operation.parameters ?? []) as { in: string; name: string }[];
      const content = (operation.requestBody as { content?: object } | undefined)?.content ?? {};
      operations.push({
        method: method.toUpperCase(),
        path: urlPath,
        hasId: urlPath.includes('{id}'),
        hasBody: 'application/json' in content,
        queryNames: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
      });
    }
  }
  return operations;
}

const JSON_TYPE = { 'content-type': 'application/json' };

function withJson(method: string, url: string, body: string | Buffer, headers = {}): (string | Buffer)[] {
  const length = Buffer.byteLength(body);
  return [head(method, url, { ...JSON_TYPE, 'content-length': length, ...headers }), body];
}

/** A client's mistake is told as such. */
function isRefused(t: Test, answer: Answer, name: string, ...statuses: number[]): void {
  const problem = problemOf(answer);
  const isWanted =
    statuses.length === 0 ? answer.status >= 400 && answer.status < 500 : statuses.includes(answer.status);
  t.ok(
    isWanted && problem,
    `${name}: ${answer.status} ${problem?.code ?? answer.error ?? answer.body.toString().slice(0, 200)}`,
  );
}

/** The server is not at fault, whatever it answers. */
function isNoServerError(t: Test, answer: Answer, name: string): void {
  t.ok(
    answer.status >= 200 && answer.status < 500,
    `${name}: ${answer.status} ${answer.error ?? ''} ${answer.status >= 500 ? answer.body : ''}`,
  );
}

const BAD_IDS = [
  'x',
  '1',
  '-1',
  '0',
  'null',
  'undefined',
  '%20',
  '%00',
  '..%2f..%2fetc%2fpasswd',
  `${MISSING_ID}x`,
  `${MISSING_ID}%00`,
  MISSING_ID.slice(1),
  MISSING_ID.replace('5', 'g'),
  `{${MISSING_ID}}`,
  `urn:uuid:${MISSING_ID}`,
  `'%20OR%201=1--`,
  '%ED%A0%80',
  '%F0%9F%98%80',
  'x'.repeat(150),
  '__proto__',
  'constructor',
];
const UNDECODABLE = ['%', '%zz', '%E0%A4', '%ff'];

const deep = (opening: string, closing: string, depth = 100_000) =>
  opening.repeat(depth) + closing.repeat(depth);

const BAD_BODIES: [string, string | Buffer][] = [
  ['no JSON', '{'],
  ['an empty body', ''],
  ['a blank body', '   '],
  ['null', 'null'],
  ['a number', '12'],
  ['a string', '"resize"'],
  ['an array', '[]'],
  ['100,000 nested arrays', deep('[', ']')],
  ['100,000 nested objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ['nested arrays as operations', `{"operations":${deep('[', ']', 10_000)}}`],
  ['almost 1 MiB of array', `[${'1,'.repeat(500_000)}1]`],
  [
    'almost 1 MiB of unknown members',
    `{${Array.from({ length: 60_000 }, (_, i) => `"key${i}":1`).join(',')}}`,
  ],
  ['over 1 MiB', `{"a":"${'x'.repeat(1_100_000)}"}`],
  ['__proto__', '{"__proto__":{"width":10}}'],
  ['constructor.prototype', '{"constructor":{"prototype":{"width":10}}}'],
  ['NaN', '{"width":NaN}'],
  ['a width of 1e999', '{"width":1e999}'],
  ['a width of 2^60', '{"width":1152921504606846976}'],
  ['a width of 0', '{"width":0,"filename":0}'],
  ['a width of -1', '{"width":-1,"filename":-1}'],
  ['a width of 1.5', '{"width":1.5,"filename":1.5}'],
  ['a width in a string', '{"width":"10","filename":["a"]}'],
  ['a width of null', '{"width":null,"filename":null}'],
  ['a width of true', '{"width":true,"filename":true}'],
  ['a width in an array', '{"width":[10],"filename":{}}'],
  ['an unknown member', '{"width":10,"filename":"a","wdth":1}'],
  ['a NUL in a member', '{"width":10,"fit":"\\u0000","filename":"\\u0000"}'],
  ['half a surrogate', '{"width":10,"fit":"\\ud800","filename":"\\ud800","x\\udfff":1}'],
  ['a NUL in what is stored', '{"name":"a\\u0000b"}'],
  ['a NUL in a unit', '{"name":"a","depth_unit":"\\u0000"}'],
  ['half a surrogate in what is stored', '{"name":"\\ud800"}'],
  ['a NUL in a name', '{"a\\u0000b":1}'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
  ['UTF-16', Buffer.from('{"width":10}', 'utf16le')],
  [
    'many operations',
    `{"operations":[${Array(10_000).fill('{"op":"flip"}').join(',')}],"output":{"format":"png"}}`,
  ],
  ['an unknown operation', '{"operations":[{"op":"__proto__"}],"output":{"format":"png"}}'],
  [
    'an unknown format',
    '{"operations":[],"output":{"format":"constructor"},"width":10,"format":"constructor"}',
  ],
  [
    'an overlay that is not there',
    `{"operations":[{"op":"composite","overlay":{"image_id":"${MISSING_ID}"}}]}`,
  ],
  ['a NUL in an overlay', '{"operations":[{"op":"composite","overlay":{"image_id":"\\u0000"}}]}'],
  ['a NUL in a colour', '{"operations":[{"op":"flatten","background":"\\u0000"}]}'],
];

const BAD_VALUES = [
  '',
  '%00',
  'a%00b',
  '-1',
  '0',
  '1e999',
  'NaN',
  'Infinity',
  '9'.repeat(400),
  '1.5',
  'true',
  '[]',
  '{}',
  'null',
  'undefined',
  '%ED%A0%80',
  '%ff',
  '%',
  '%zz',
  `'`,
  '"',
  '%F0%9F%98%80',
  '__proto__',
  'x'.repeat(10_000),
  '9999-99-99T99:99:99Z',
  '0000-01-01T00:00:00Z',
  '%2B275760-09-13T00:00:00.000Z',
  '2026-11-21T00:00:60Z',
];

t.test('no parameter of any operation makes the server fail', async (t) => {
  const app = await listen(t, {}, { hasForeignRows: true });
  const image = JSON.parse((await uploadOver(app.port, await newPicture())).body.toString()).results[0].image;
  const made = await exchange(app.port, withJson('POST', `/images/${image.id}/resize`, '{"width":8}'));
  t.equal(made.status, 201);
  const artifact = JSON.parse(made.body.toString());
  const job = await makeJob(app, image.id);
  const foreignIds = await insertOthers(app);
  const operations = await operationsOf(app);
  t.ok(operations.length >= 20, `${operations.length} operations`);
  const idOf = ({ path: urlPath }: Operation) => {
    if (urlPath.startsWith('/jobs')) return job;
    return urlPath.startsWith('/artifacts') ? artifact.id : image.id;
  };
  const fill = (operation: Operation, id: string) => operation.path.replace('{id}', id);
  const goodBody = '{}';

  for (const operation of operations.filter(({ hasId }) => hasId)) {
    const { method, hasBody } = operation;
    const send = (id: string) => {
      const url = fill(operation, id);
      return exchange(app.port, hasBody ? withJson(method, url, goodBody) : head(method, url));
    };
    const name = `${method} ${operation.path}`;
    for (const id of BAD_IDS)
      isRefused(t, await send(id), `${name} with id ${id.slice(0, 60)}`, 400, 404, 422);
    for (const id of UNDECODABLE) isRefused(t, await send(id), `${name} with id ${id}`, 400, 422);
    isRefused(t, await send('x'.repeat(5000)), `${name} with an id of 5,000 characters`, 404, 414, 422);
  }

  for (const operation of operations.filter(
    ({ hasId, hasBody, method }) => hasId && (hasBody || method !== 'POST'),
  )) {
    const { method, hasBody } = operation;
    const isResize = operation.path.endsWith('/resize');
    const url = (id: string) => `${fill(operation, id)}${isResize && !hasBody ? '?width=5' : ''}`;
    const body = bodyFor(operation.path);
    const foreign = foreignIds[operation.path.split('/')[1] ?? ''];
    const missing = operation.path.startsWith('/frames/') ? '987654321' : MISSING_ID;
    for (const [whose, id] of [
      ['missing', missing],
      ["someone else's", foreign],
    ] as const) {
      if (id === undefined) continue;
      const answer = await exchange(
        app.port,
        hasBody ? withJson(method, url(id), body) : head(method, url(id)),
      );
      isRefused(t, answer, `${method} ${operation.path} of a ${whose} id`, 404);
    }
  }

  for (const operation of operations.filter(({ hasBody }) => hasBody)) {
    const url = fill(operation, idOf(operation));
    for (const [kind, body] of BAD_BODIES) {
      isNoServerError(
        t,
        await exchange(app.port, withJson(operation.method, url, body)),
        `${operation.path} with ${kind}`,
      );
    }
    for (const type of [
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=x',
      'nonsense',
      'application/json; charset=utf-7-nonsense',
    ]) {
      const answer = await exchange(
        app.port,
        withJson(operation.method, url, goodBody, { 'content-type': type }),
      );
      isNoServerError(t, answer, `${operation.path} as ${type}`);
      if (!type.startsWith('application/json')) isRefused(t, answer, `${operation.path} as ${type}`, 415);
    }
  }

  for (const operation of operations.filter(({ method }) => method === 'GET')) {
    const url = fill(operation, idOf(operation));
    const get = (query: string) => exchange(app.port, head('GET', `${url}?${query}`));
    for (const parameter of operation.queryNames) {
      for (const value of BAD_VALUES) {
        isNoServerError(
          t,
          await get(`${parameter}=${value}`),
          `${operation.path}?${parameter}=${value.slice(0, 40)}`,
        );
      }
      isNoServerError(t, await get(`${parameter}=1&${parameter}=2`), `${operation.path}?${parameter} twice`);
      isNoServerError(
        t,
        await get(`${parameter}[a]=1&${parameter}[]=2`),
        `${operation.path}?${parameter}[a]`,
      );
    }
    const many = Array.from({ length: 2500 }, (_, i) => `k${i}=`)
      .join('&')
      .slice(0, 15_000);
    isNoServerError(t, await get(many), `${operation.path} with thousands of keys`);
    isNoServerError(
      t,
      await get('__proto__=1&constructor=2&toString=3'),
      `${operation.path} with names of Object.prototype`,
    );
    isNoServerError(t, await get(`k=${'x'.repeat(20_000)}`), `${operation.path} with 20 kB of query`);
    isNoServerError(t, await get('&&&=&==&%&%00=%00'), `${operation.path} with nonsense`);
  }

  for (const cursor of badCursors()) {
    for (const url of [
      '/images',
      `/images/${image.id}/artifacts`,
      `/artifacts/${artifact.id}/artifacts`,
      '/jobs',
      `/jobs/${job}/items`,
    ]) {
      for (const sort of url === '/images' ? ['-created_at', 'filename', 'size'] : ['']) {
        const query = `cursor=${cursor}${sort && `&sort=${sort}`}`;
        isNoServerError(t, await exchange(app.port, head('GET', `${url}?${query}`)), `${url}?${query}`);
      }
    }
  }

  for (const { path: urlPath, hasId } of operations) {
    const url = hasId ? urlPath.replace('{id}', MISSING_ID) : urlPath;
    for (const method of ['PUT', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await exchange(app.port, head(method, url, { 'content-length': 0 }));
      isRefused(t, answer, `${method} ${urlPath}`, 405);
      t.ok(answer.headers.allow, `${method} ${urlPath}: Allow`);
    }
  }
  const picture = `/images/${image.id}/convert?format=auto`;
  isRefused(
    t,
    await exchange(app.port, head('GET', picture, { accept: 'text/html' })),
    'a picture in a format that text/html names',
    406,
  );
  for (const accept of [
    '',
    ',',
    ';;;',
    'image/*;q=nonsense',
    '*/*;q=0',
    'x'.repeat(10_000),
    `${'a/b,'.repeat(3000)}`,
  ]) {
    isNoServerError(
      t,
      await exchange(app.port, head('GET', picture, { accept })),
      `Accept: ${accept.slice(0, 40)}`,
    );
  }
  for (const range of [
    'bytes=9-1',
    'bytes=-',
    'bytes=a-b',
    'bytes=0-0,2-3',
    `bytes=${'9'.repeat(400)}-`,
    'bytes=-0',
    'lines=1-2',
    'bytes=999999-',
  ]) {
    isNoServerError(
      t,
      await exchange(app.port, head('GET', `/images/${image.id}/content`, { range })),
      `Range: ${range.slice(0, 40)}`,
    );
  }
  t.equal((await exchange(app.port, head('GET', `/images/${image.id}`))).status, 200, 'nothing is lost');
  t.ok(await app.works());
});

/** A body that the operation at the path takes. */
function bodyFor(urlPath: string): string {
  if (urlPath.endsWith('/resize')) return '{"width":5}';
  if (urlPath.endsWith('/crop')) return '{"left":0,"top":0,"width":5,"height":5}';
  if (urlPath.endsWith('/convert')) return '{"format":"png"}';
  if (urlPath.endsWith('/transform')) return '{"operations":[{"op":"flip"}]}';
  if (['/frame-sets/{id}', '/users/{id}', '/api-keys/{id}'].includes(urlPath)) return '{"name":"a"}';
  if (urlPath.endsWith('/hand-over')) return `{"to":"${MISSING_ID}"}`;
  return urlPath === '/images/{id}' ? '{"filename":"a.png"}' : '{}';
}

/** Cursors of the right shape with values that a database or a date does not take. */
function badCursors(): string[] {
  const positions = [
    null,
    [],
    {},
    'x',
    [1, 2, 3],
    ['createdAt', '2026-11-21T00:00:00.000Z', 'x'],
    ['createdAt', '9999-99-99T99:99:99.999Z', MISSING_ID],
    ['createdAt', '0000-00-00T00:00:00.000Z', MISSING_ID],
    ['filename', 'a\0b', MISSING_ID],
    ['filename', '\ud800', MISSING_ID],
    ['size', '999999999999999999', MISSING_ID],
    ['size', '-1', MISSING_ID],
    ['9999-99-99T99:99:99.999Z', MISSING_ID],
    ['0000-00-00T00:00:00.000Z', MISSING_ID],
    ['2026-11-21T00:00:00.000Z', '-'.repeat(36)],
    ['2026-11-21T00:00:00.000Z', 'f'.repeat(36)],
  ];
  const encode = (position: unknown) => Buffer.from(JSON.stringify(position)).toString('base64url');
  return [...positions.map(encode), '%00', '!!!', Buffer.from(deep('[', ']', 300)).toString('base64url')];
}

/** The id of a job that has ended. */
async function makeJob({ port }: ListeningApp, image: string): Promise<string> {
  const body = `{"operation":"histogram","image_ids":["${image}"]}`;
  const { id } = JSON.parse((await exchange(port, withJson('POST', '/jobs', body))).body.toString());
  const hasEnded = async () => {
    const shown = await exchange(port, head('GET', `/jobs/${id}`));
    return JSON.parse(shown.body.toString()).ended_at !== null;
  };
  if (!(await eventually(hasEnded, 30_000))) throw new Error('The job does not end.');
  return id;
}

/** Another user with an image, an artifact and a job; their ids, by the first part of their path. */
async function insertOthers({ services }: ListeningApp): Promise<Record<string, string>> {
  const [user, image, artifact, job] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const { pool } = services.database;
  const { rows } = await pool.query(
    `SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name IN ('users', 'images', 'artifacts', 'artifact_inputs', 'jobs')
       AND is_generated = 'NEVER' ORDER BY ordinal_position`,
  );
  const columns = (table: string) =>
    rows.filter(({ table_name }) => table_name === table).map(({ column_name }) => column_name as string);
  const copy = (table: string, changes: Record<string, string>) =>
    pool.query(
      `INSERT INTO ${table} (${columns(table).join(', ')})
       SELECT ${columns(table)
         .map((name) => changes[name] ?? name)
         .join(', ')} FROM ${table} LIMIT 1`,
    );
  await copy('users', { id: `'${user}'`, email: `'other@example.org'`, name: `'other'` });
  await copy('images', { id: `'${image}'`, owner_id: `'${user}'` });
  await copy('artifacts', { id: `'${artifact}'`, owner_id: `'${user}'` });
  await copy('artifact_inputs', { artifact_id: `'${artifact}'`, image_id: `'${image}'` });
  await copy('jobs', { id: `'${job}'`, owner_id: `'${user}'` });
  return { images: image, artifacts: artifact, jobs: job };
}
