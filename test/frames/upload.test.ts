import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { multipartBody } from '../support/app.ts';
import { NO_TEST_DATA, readTestData } from '../support/test-data.ts';
import { createFramesApp, type FramesApp, readCsv, writeLog } from './app.ts';

const CLASSIC = NO_TEST_DATA;

t.test('the classic log: stored whole, its empty last row reported', { skip: CLASSIC }, async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const file = readTestData('image-log.csv');
  const response = await uploadLog(file, '', 'image-log.csv');
  t.equal(response.statusCode, 201);
  const frameSet = response.json();
  t.match(frameSet, {
    message: /5460 frames.*1 empty/,
    name: 'image-log',
    filename: 'image-log.csv',
    size: file.length,
    rows: 5460,
    columns: 200,
    width: 150,
    depth_min: 9000.1,
    depth_max: 9546,
    quality: { empty_rows: 1, bad_rows: 0, null_pixels: 0, depth_order: 'ascending', gaps: 0 },
  });
  t.equal(response.headers.location, `/frame-sets/${frameSet.id}`);

  await t.test('the reference rows are equal, every pixel', async (t) => {
    const expected: Record<string, number[]> = JSON.parse(readTestData('expected.json').toString())[
      'image-log.csv'
    ].area_average_150;
    for (const [depth, pixels] of Object.entries(expected)) {
      const csv = await get(`/frames/export?depth_min=${depth}&depth_max=${depth}`);
      t.strictSame(readCsv(csv.body), [{ depth: Number(depth), pixels }]);
    }
  });

  await t.test('every depth is found by its own text', async (t) => {
    const texts = file
      .toString()
      .split('\n')
      .slice(1)
      .flatMap((line) => /^([\d.]+),/.exec(line)?.[1] ?? []);
    t.equal(texts.length, 5460);
    let found = 0;
    const find = async (text: string) => {
      const response = await get(`/frames/export?depth_min=${text}&depth_max=${text}`);
      if (response.body.split('\n')[1]?.startsWith(`${text},`) && response.headers['x-frame-count'] === '1')
        found++;
    };
    for (let at = 0; at < texts.length; at += 20) await Promise.all(texts.slice(at, at + 20).map(find));
    t.equal(found, 5460);
  });

  await t.test('the originals come back as they were', async (t) => {
    const csv = await get('/frames/export?source=original&order=file');
    const lines = file.toString().trimEnd().split('\n').slice(1, -1);
    t.strictSame(
      readCsv(csv.body).map(({ depth, pixels }) => [depth, ...pixels]),
      lines.map((line) => line.split(',').map(Number)),
    );
  });
});

t.test('the same bytes with the same options are the same frame set', async (t) => {
  const { uploadLog, countRows } = await createFramesApp(t);
  const log = writeLog(50, 10);
  const first = await uploadLog(log);
  t.equal(first.statusCode, 201);
  const again = await uploadLog(log, '?name=other', 'other.csv');
  t.equal(again.statusCode, 200);
  t.equal(again.json().id, first.json().id);
  t.strictSame(await countRows(), { frames: 50, frame_sets: 1 }, 'nothing of the second one stays');

  const forced = await uploadLog(log, '?force=true');
  t.equal(forced.statusCode, 201);
  t.not(forced.json().id, first.json().id);
  t.equal((await uploadLog(log, '?width=20')).statusCode, 201, 'another width is another frame set');
  t.equal((await uploadLog(log, '?null_values=-1,NA')).statusCode, 201);
  t.equal((await uploadLog(log, '?null_values=NA&null_values=-1')).statusCode, 200, 'the same marks');
  t.strictSame(await countRows(), { frames: 200, frame_sets: 4 });
});

t.test('of equal uploads at the same time one is stored', async (t) => {
  const { uploadLog, countRows } = await createFramesApp(t, { CSV_CONCURRENCY: '4' });
  const log = writeLog(2000, 50);
  const answers = await Promise.all(Array.from({ length: 4 }, () => uploadLog(log)));
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 200, 200, 201]);
  t.equal(new Set(answers.map((answer) => answer.json().id)).size, 1);
  t.strictSame(await countRows(), { frames: 2000, frame_sets: 1 });
});

t.test('a fault fails the upload with its row, column and value; the others are counted', async (t) => {
  const { uploadLog, countRows } = await createFramesApp(t);
  const level = (row: number, column: number) => (row % 10 === 3 && column === 4 ? 300 : 12);
  const log = writeLog(6000, 40, level);
  const failed = await uploadLog(log);
  t.equal(failed.statusCode, 422);
  const problem = failed.json();
  t.match(problem.detail, /600 faults in 600 rows. The first 100 are listed/);
  t.equal(problem.errors.length, 100);
  t.match(problem.errors[0], {
    location: 'body',
    path: '/file',
    code: 'out_of_range',
    row: 4,
    line: 5,
    column: 'col5',
    value: '300',
  });
  t.strictSame(await countRows(), { frames: 0, frame_sets: 0 });

  const skipped = await uploadLog(log, '?on_error=skip');
  t.equal(skipped.statusCode, 201);
  t.match(skipped.json(), {
    rows: 5400,
    quality: { bad_rows: 600, fault_total: 600 },
    message: /600 with faults/,
  });
  t.equal(skipped.json().quality.faults.length, 100);
});

t.test('cells that PostgreSQL cannot store are reported', async (t) => {
  // Reports are stored as JSON, which refuses NUL and half a surrogate pair: such an upload was an internal error.
  const { uploadLog } = await createFramesApp(t);
  const log = `depth,col1\n1,1\n2,a\0b\n3,${'x'.repeat(39)}\u{1f600}\n`;
  const response = await uploadLog(log, '?on_error=skip');
  t.equal(response.statusCode, 201, response.body);
  t.strictSame(
    response.json().quality.faults.map(({ value }: { value: string }) => value),
    ['a\ufffdb', `${'x'.repeat(39)}\ufffd…`],
  );
});

const H = 'depth,col1,col2\n';
const header = (columns: number) =>
  `depth,${Array.from({ length: columns }, (_, i) => `col${i + 1}`).join(',')}\n`;
/** Files that are not image logs, and the messages for them. */
const MALFORMED: [name: string, file: string | Buffer, status: number, about: RegExp][] = [
  ['nothing', '', 422, /empty/],
  ['only a byte-order mark', '\ufeff', 422, /empty/],
  ['only blank lines', '\n\n\r\n', 422, /empty/],
  ['only blanks', '   ', 422, /empty/],
  ['a header alone', 'depth,col1,col2', 422, /no rows/],
  ['a header and empty rows', `${H},,\n,,\n`, 422, /no rows/],
  ['no depth column', 'col1,col2\n1,2\n', 422, /depth/],
  ['depth twice', 'depth,depth,col1\n1,1,2\n', 422, /one column of depths/],
  ['only depth', 'depth\n1\n', 422, /pixel columns/],
  ['no header', '1,2,3\n4,5,6\n', 422, /depth/],
  ['a gap in the columns', 'depth,col1,col3\n1,2,3\n', 422, /col1 to col2/],
  ['a column twice', 'depth,col1,col1\n1,2,3\n', 422, /more than once/],
  ['columns from 0', 'depth,col0,col1\n1,2,3\n', 422, /col0/],
  ['another name', 'depth,col1,value\n1,2,3\n', 422, /value/],
  ['an empty name', 'depth,,col1\n1,2,3\n', 422, /column 2/],
  ['10,001 columns', `${header(10_001)}1\n`, 422, /10000/],
  ['a quote not closed in the header', '"depth,col1\n1,2\n', 422, /unclosed quote/],
  ['malformed quotes in the header', '"depth"x,col1\n1,2\n', 422, /malformed quotes/],
  ['a header of 2 MiB', `depth,${'c'.repeat(2 ** 21)}\n`, 422, /1048576/],
  ['pipes between cells', 'depth|col1\n1|2\n', 422, /depth/],
  ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 415, /PNG/],
  ['a JPEG', Buffer.from('ffd8ffe000104a464946', 'hex'), 415, /JPEG/],
  ['a GIF', Buffer.from('GIF89a'), 415, /GIF/],
  ['a ZIP', Buffer.from('504b030414000000', 'hex'), 415, /Excel/],
  ['gzip', Buffer.from('1f8b0800000000', 'hex'), 415, /gzip/],
  ['a PDF', Buffer.from('%PDF-1.7'), 415, /PDF/],
  ['UTF-16', Buffer.from('\ufeffdepth,col1\n1,2\n', 'utf16le'), 415, /UTF-16/],
  ['UTF-16 without a mark', Buffer.from('depth,col1\n1,2\n', 'utf16le'), 415, /UTF-16/],
  ['zeros', Buffer.alloc(100), 415, /binary/],
  ['a NUL later in the header', 'depth,col1,col2\0\n1,2,3\n', 415, /NUL/],
  ['JSON', '{"depth": [1, 2]}', 422, /depth/],
  ['HTML', '<html><body>depth</body></html>', 422, /depth/],
  ['a cell too few', `${H}1,2\n`, 422, /1 fault/],
  ['a cell too many', `${H}1,2,3,4\n`, 422, /1 fault/],
  ['a ragged row among good ones', `${H}1,2,3\n2,3\n3,4,5\n`, 422, /1 fault/],
  ['text for a pixel', `${H}1,abc,3\n`, 422, /1 fault/],
  ['half a pixel', `${H}1,12.5,3\n`, 422, /1 fault/],
  ['256', `${H}1,256,3\n`, 422, /1 fault/],
  ['-1', `${H}1,-1,3\n`, 422, /1 fault/],
  ['1e2 for a pixel', `${H}1,1e2,3\n`, 422, /1 fault/],
  ['hexadecimal', `${H}1,0x10,3\n`, 422, /1 fault/],
  ['a thousands separator', 'depth;col1\n1;1.000,5\n', 422, /1 fault/],
  ['NaN for a pixel', `${H}1,NaN,3\n`, 422, /1 fault/],
  ['Infinity for a pixel', `${H}1,Infinity,3\n`, 422, /1 fault/],
  ['a huge pixel', `${H}1,${'9'.repeat(400)},3\n`, 422, /1 fault/],
  ['two numbers in a cell', `${H}1,1 2,3\n`, 422, /1 fault/],
  ['a full-width digit', `${H}1,\uff11,3\n`, 422, /1 fault/],
  ['NaN for a depth', `${H}NaN,1,2\n`, 422, /1 fault/],
  ['1e400 for a depth', `${H}1e400,1,2\n`, 422, /1 fault/],
  ['a depth whose step is not a number', `${H}-1e308,1,2\n1e308,1,2\n`, 422, /2 faults/],
  ['-1e400 for a depth', `${H}-1e400,1,2\n`, 422, /1 fault/],
  ['text for a depth', `${H}top,1,2\n`, 422, /1 fault/],
  ['an empty depth', `${H},1,2\n`, 422, /1 fault/],
  ['a null depth', `${H}-999.25,1,2\n`, 422, /1 fault/],
  ['a depth with its unit', `${H}9000.1m,1,2\n`, 422, /1 fault/],
  ['a decimal comma between commas', `${H}9000,1,1,2\n`, 422, /1 fault/],
  ['a depth of two points', `${H}1.2.3,1,2\n`, 422, /1 fault/],
  ['a depth of a sign', `${H}-,1,2\n`, 422, /1 fault/],
  ['a depth of a point', `${H}.,1,2\n`, 422, /1 fault/],
  ['a quote not closed', `${H}1,"2,3\n`, 422, /1 fault/],
  ['text behind a quote', `${H}1,"2"x,3\n`, 422, /1 fault/],
  ['a NUL in a cell', `${H}1,2\0,3\n`, 422, /1 fault/],
  [
    'not UTF-8',
    Buffer.concat([Buffer.from(`${H}1,`), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from(',3\n')]),
    422,
    /1 fault/,
  ],
  ['a row of 2 MiB', `${H}1,${' '.repeat(2 ** 21)}2,3\n`, 422, /1048576|1 MiB/],
  ['the header again', `${H}1,2,3\n${H}2,3,4\n`, 422, /3 faults/],
  ['only bad rows', `${H}x,y,z\n`, 422, /3 faults/],
];

t.test(`${MALFORMED.length} malformed files: a clear 4xx, and nothing stays`, async (t) => {
  t.ok(MALFORMED.length >= 60);
  const { uploadLog, countRows } = await createFramesApp(t);
  for (const [name, file, status, about] of MALFORMED) {
    const response = await uploadLog(file);
    t.equal(response.statusCode, status, name);
    const problem = response.json();
    t.match(problem.detail, about, name);
    t.ok(problem.errors?.length > 0, `${name}: ${JSON.stringify(problem.errors?.[0])}`);
    if (/fault/.test(problem.detail))
      t.match(problem.errors[0], { row: Number, line: Number, code: String }, name);
  }
  const skipped = await uploadLog(`${H}x,1,2\n`, '?on_error=skip');
  t.equal(skipped.statusCode, 422, 'if no row is left, the file is refused either way');
  t.strictSame(await countRows(), { frames: 0, frame_sets: 0 });
});

t.test('odd but legal files', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const legal: [name: string, file: string, query: string, rows: [number, ...(number | null)[]][]][] = [
    ['CRLF, a byte-order mark and quotes', '\ufeffDepth,"COL1", col2 \r\n1,"2",3\r\n', '', [[1, 2, 3]]],
    ['semicolons and decimal commas', 'depth;col1;col2\n9000,1;1;2\n', '', [[9000.1, 1, 2]]],
    ['tabs', 'depth\tcol1\tcol2\n1\t2\t3', '', [[1, 2, 3]]],
    ['columns in another order', 'col2,depth,col1\n2,9,1\n', '', [[9, 1, 2]]],
    ['blank lines and an empty last row', `${H}\n1,2,3\n\n,,\n`, '', [[1, 2, 3]]],
    [
      'nulls',
      `${H}1,-999.25,3\n2,,4\n`,
      '',
      [
        [1, null, 3],
        [2, null, 4],
      ],
    ],
    [
      'other nulls',
      `${H}1,NA,3\n2,77,4\n`,
      '?null_values=NA,77',
      [
        [1, null, 3],
        [2, null, 4],
      ],
    ],
    ['12.0, +7 and an exponent', `${H}1e3,12.0,+7\n`, '', [[1000, 12, 7]]],
    [
      'unsorted and duplicate depths',
      `${H}3,1,1\n1,2,2\n3,3,3\n`,
      '',
      [
        [1, 2, 2],
        [3, 1, 1],
        [3, 3, 3],
      ],
    ],
    ['a delimiter that is given', 'depth;col1\n1;2\n', '?delimiter=semicolon', [[1, 2]]],
  ];
  for (const [name, file, query, rows] of legal) {
    const response = await uploadLog(file, query);
    t.equal(response.statusCode, 201, `${name}: ${response.json().detail ?? ''}`);
    const csv = await get(`/frames/export?source=original&frame_set_id=${response.json().id}`);
    t.strictSame(
      readCsv(csv.body).map(({ depth, pixels }) => [depth, ...pixels]),
      rows,
      name,
    );
  }
});

t.test('10,000 columns', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const response = await uploadLog(writeLog(40, 10_000));
  t.equal(response.statusCode, 201);
  const csv = await get('/frames/export?source=original&depth_min=100.5&depth_max=100.5');
  const [row] = readCsv(csv.body);
  t.equal(row?.pixels.length, 10_000);
  t.equal(row?.pixels.at(-1), (5 * 7 + 9_999 * 3) % 256);
});

t.test('short rows at a great width stay within memory', async (t) => {
  const { uploadLog } = await createFramesApp(t);
  const log = `depth,col1\n${'1,2\n'.repeat(60_000)}`;
  const before = process.memoryUsage().rss;
  const response = await uploadLog(log, '?width=3000');
  t.equal(response.statusCode, 201);
  t.ok(process.memoryUsage().rss - before < 400 * 2 ** 20, '180 MB of resized rows go through in parts');
});

t.test('parameters and forms that are wrong', async (t) => {
  const { app, uploadLog, countRows } = await createFramesApp(t, { MAX_CSV_BYTES: '2000' });
  const log = writeLog(3, 3);
  for (const query of [
    '?width=0',
    '?width=10001',
    '?kernel=box',
    '?on_error=ignore',
    '?delimiter=|',
    '?unknown=1',
    '?force=maybe',
    '?name=',
    `?null_values=${'9'.repeat(33)}`,
    `?${Array.from({ length: 17 }, (_, i) => `null_values=${i}`).join('&')}`,
    `?null_values=${Array.from({ length: 17 }, (_, i) => -i).join(',')}`,
  ]) {
    const response = await uploadLog(log, query);
    t.equal(response.statusCode, 422, query);
    t.equal(response.json().errors[0].location, 'query', query);
  }
  const large = await uploadLog(writeLog(200, 10));
  t.equal(large.statusCode, 413);
  t.equal(large.json().code, 'file_too_large');

  const send = async (files: Parameters<typeof multipartBody>[0]) => {
    const { body, headers } = multipartBody(files);
    return app.inject({ method: 'POST', url: '/upload', payload: body, headers });
  };
  const bytes = Buffer.from(log);
  t.equal((await send([])).statusCode, 422, 'no file');
  t.equal((await send([{ bytes, field: 'files' }])).statusCode, 422, 'another field');
  t.equal(
    (
      await send([
        { bytes, field: 'file' },
        { bytes, field: 'file' },
      ])
    ).statusCode,
    413,
    'two files',
  );
  t.equal(
    (
      await send([
        { bytes, field: 'file' },
        { bytes, field: 'extra' },
      ])
    ).statusCode >= 400,
    true,
    'one too many',
  );
  t.equal(
    (
      await app.inject({
        method: 'POST',
        url: '/upload',
        payload: log,
        headers: { 'content-type': 'text/csv' },
      })
    ).statusCode,
    415,
  );
  const { body, headers } = multipartBody([{ bytes, field: 'file' }]);
  const cut = await app.inject({ method: 'POST', url: '/upload', payload: body.subarray(0, -20), headers });
  t.equal(cut.statusCode, 400, 'a body that is cut off');
  t.strictSame(await countRows(), { frames: 0, frame_sets: 0 });
});

/** Sends the head of an upload and some rows over a real connection, and leaves it open. */
async function startUpload(t: Tap.Test, { app }: FramesApp, rows: number) {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const request = httpRequest({
    port,
    method: 'POST',
    path: '/upload',
    headers: { 'content-type': 'multipart/form-data; boundary=b', host: `127.0.0.1:${port}` },
  });
  request.on('error', () => undefined);
  request.write('--b\r\ncontent-disposition: form-data; name="file"; filename="log.csv"\r\n\r\n');
  request.write(writeLog(rows, 200));
  t.teardown(() => request.destroy());
  return request;
}

declare namespace Tap {
  type Test = Parameters<typeof createFramesApp>[0];
}

const COPIES = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY frames%' AND state = 'active'`;

async function waitFor(check: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await check()) return true;
    await sleep(25);
  }
  return false;
}

t.test('a client that goes away in the middle leaves nothing', async (t) => {
  const frames = await createFramesApp(t);
  const { pool } = frames.services.database;
  const request = await startUpload(t, frames, 4000);
  t.ok(await waitFor(async () => (await pool.query(COPIES)).rowCount === 1), 'rows are on their way');
  request.destroy();
  t.ok(await waitFor(async () => (await pool.query(COPIES)).rowCount === 0), 'the COPY ends');
  t.strictSame(await frames.countRows(), { frames: 0, frame_sets: 0 });
  t.equal((await frames.uploadLog(writeLog(10, 10))).statusCode, 201, 'and the next upload works');
});

t.test('a database connection that goes away in the middle is a 503 and leaves nothing', async (t) => {
  const frames = await createFramesApp(t);
  const { pool } = frames.services.database;
  const request = await startUpload(t, frames, 4000);
  const answered = once(request, 'response');
  t.ok(await waitFor(async () => (await pool.query(COPIES)).rowCount === 1), 'rows are on their way');
  await pool.query(`SELECT pg_terminate_backend(pid) FROM (${COPIES}) AS copies`);
  const more = setInterval(() => request.write(`${'5,'.repeat(200)}5\n`.repeat(500)), 10);
  const [response] = await answered;
  clearInterval(more);
  t.equal(response.statusCode, 503);
  t.strictSame(await frames.countRows(), { frames: 0, frame_sets: 0 });
  t.equal((await frames.uploadLog(writeLog(10, 10))).statusCode, 201, 'and the next upload works');
});

t.test('a fault gives the database up at once, while the rest is still coming', async (t) => {
  const frames = await createFramesApp(t);
  const { pool } = frames.services.database;
  const request = await startUpload(t, frames, 4000);
  const answered = once(request, 'response');
  t.ok(await waitFor(async () => (await pool.query(COPIES)).rowCount === 1), 'rows are on their way');
  request.write('bad,row\n');
  request.write(writeLog(2000, 200).split('\n').slice(1).join('\n'));
  t.ok(
    await waitFor(async () => (await pool.query(COPIES)).rowCount === 0),
    'the COPY ends before the upload',
  );
  request.write('another,one\n');
  request.end('\r\n--b--\r\n');
  const [response] = await answered;
  t.equal(response.statusCode, 422);
  let body = '';
  for await (const chunk of response) body += chunk;
  t.match(JSON.parse(body).detail, /2 faults in 2 rows/);
});

t.test('past the places and the line an upload is refused at once', async (t) => {
  const frames = await createFramesApp(t, { CSV_CONCURRENCY: '1', CSV_QUEUE: '0' });
  const { pool } = frames.services.database;
  const request = await startUpload(t, frames, 3000);
  t.ok(await waitFor(async () => (await pool.query(COPIES)).rowCount === 1));
  const refused = await frames.uploadLog(writeLog(5, 5));
  t.equal(refused.statusCode, 503);
  t.ok(refused.headers['retry-after']);
  request.end('\r\n--b--\r\n');
  const [response] = await once(request, 'response');
  t.equal(response.statusCode, 201);
  response.resume();
});
