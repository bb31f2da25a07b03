import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import t from 'tap';
import { createFramesApp, writeLog } from './app.ts';

t.test('the uploaded file can be downloaded, byte by byte', async (t) => {
  const { app, services, uploadLog, get, send } = await createFramesApp(t);
  // Larger than a chunk, and not as an export would write it.
  const file = Buffer.from(
    writeLog(9000, 60, (row, column) => ` ${(row * column) % 256}`).replaceAll('\n', '\r\n'),
  );
  t.ok(file.length > 2 ** 20);
  const { id, content_url: url, sha256 } = (await uploadLog(file)).json();
  t.equal(url, `/frame-sets/${id}/content`);
  const whole = await get(url);
  t.equal(whole.statusCode, 200);
  t.ok(whole.rawPayload.equals(file));
  t.equal(whole.headers.etag, `"${createHash('sha256').update(file).digest('hex')}"`);
  t.match(whole.headers, {
    'content-type': 'text/csv',
    'x-content-type-options': 'nosniff',
    'content-length': `${file.length}`,
  });
  t.match(whole.headers['content-disposition'], 'log.csv');
  t.match((await get(`${url}?download=true`)).headers['content-disposition'], /^attachment/);
  const range = await get(url, { range: 'bytes=1048570-1048580' });
  t.equal(range.statusCode, 206);
  t.ok(range.rawPayload.equals(file.subarray(1_048_570, 1_048_581)));
  t.equal((await get(url, { range: 'bytes=999999999-' })).statusCode, 416);
  t.equal((await get(url, { 'if-none-match': `"${sha256}"` })).statusCode, 304);
  t.equal((await app.inject({ method: 'HEAD', url })).headers['content-length'], `${file.length}`);

  // The same bytes with other options are another frame set with the same file.
  const other = (await uploadLog(file, '?width=20')).json();
  t.not(other.id, id);
  const blobs = async () => (await services.database.pool.query('SELECT FROM blobs')).rowCount;
  t.equal(await blobs(), 1);
  t.equal((await send('DELETE', `/frame-sets/${id}`)).statusCode, 204);
  t.equal((await get(url)).statusCode, 404);
  t.ok((await get(other.content_url)).rawPayload.equals(file));
  t.equal((await send('DELETE', `/frame-sets/${other.id}`)).statusCode, 204);
  t.equal(await blobs(), 0, 'nothing is left');
  t.equal((await services.database.pool.query('SELECT FROM blob_chunks')).rowCount, 0);
});

t.test('nothing of a failed or repeated upload is left', async (t) => {
  const { services, uploadLog, countRows, config } = await createFramesApp(t);
  const rows = async () => {
    const { rowCount } = await services.database.pool.query('SELECT FROM blobs');
    return { ...(await countRows()), blobs: rowCount };
  };
  t.equal((await uploadLog('depth,col1\n1,300\n')).statusCode, 422);
  t.equal((await uploadLog(Buffer.alloc(1000))).statusCode, 415);
  t.same(await rows(), { frames: 0, frame_sets: 0, blobs: 0 });
  t.equal((await uploadLog(writeLog(3, 4))).statusCode, 201);
  t.equal((await uploadLog(writeLog(3, 4))).statusCode, 200);
  t.same(await rows(), { frames: 3, frame_sets: 1, blobs: 1 });
  const folders = await readdir(config.TEMP_IMAGE_DIR, { recursive: true });
  t.notOk(
    folders.some((name) => /[0-9a-f-]{36}\/[0-9a-f-]{36}$/.test(name)),
    'no temporary file',
  );
});

t.test('files are not kept if a setting says so', async (t) => {
  const { services, uploadLog, get } = await createFramesApp(t, { KEEP_LOG_FILES: 'false' });
  const { id, content_url } = (await uploadLog(writeLog(3, 4))).json();
  t.equal(content_url, null);
  const refused = await get(`/frame-sets/${id}/content`);
  t.equal(refused.statusCode, 404);
  t.match(refused.json(), { code: 'not_found', detail: /is not kept/ });
  t.equal((await services.database.pool.query('SELECT FROM blobs')).rowCount, 0);
});

t.test('options as fields of the form', async (t) => {
  const { app, get } = await createFramesApp(t);
  type Part = readonly [name: string, value: string | File];
  const post = async (parts: readonly Part[], query = '') => {
    const form = new FormData();
    for (const [name, value] of parts) form.append(name, value);
    const request = new Request('http://localhost', { method: 'POST', body: form });
    const headers = { 'content-type': request.headers.get('content-type') ?? '' };
    const payload = Buffer.from(await request.arrayBuffer());
    return app.inject({ method: 'POST', url: `/upload${query}`, payload, headers });
  };
  const field = (name: string, value: string): Part => [name, value];
  const file = (text: string, name = 'file'): Part => [
    name,
    new File([text], 'log.csv', { type: 'text/csv' }),
  ];
  const bad = 'depth,col1\n1,2\n2,-9999\n3,x\n';

  const read = await post([
    field('on_error', 'skip'),
    field('width', '1'),
    field('null_values', '-9999'),
    field('name', 'Seven'),
    file(bad),
  ]);
  t.equal(read.statusCode, 201);
  t.match(read.json(), {
    name: 'Seven',
    width: 1,
    rows: 2,
    options: { on_error: 'skip', null_values: ['-9999'] },
    quality: { null_pixels: 1, bad_rows: 1 },
  });
  const repeated = await post(
    [field('null_values', '-9999'), field('null_values', 'x'), file(bad)],
    '?width=1',
  );
  t.match(repeated.json(), { rows: 3, width: 1, options: { null_values: ['-9999', 'x'] } });

  const refusals: [Part[], string, string, RegExp][] = [
    [[field('width', 'x'), file(bad)], '', '/width', /Expected an integer/],
    [[field('width', '0'), file(bad)], '', '/width', /from 1/],
    [[field('on_eror', 'skip'), file(bad)], '', '/on_eror', /any of name, delimiter, depth_column/],
    [[file(bad), field('on_error', 'skip')], '?on_error=skip', '/on_error', /its place before file/],
    [[field('width', '5'), file(bad)], '?width=5', '/width', /in the query and in the form/],
    [[field('null_values', 'x'.repeat(40)), file(bad)], '', '/null_values', /at most 32 bytes/],
  ];
  for (const [parts, query, path, message] of refusals) {
    const refused = await post(parts, query);
    t.equal(refused.statusCode, 422, path);
    t.match(refused.json().errors, [{ path, message }], path);
    t.equal(refused.json().errors.length, 1, 'and nothing of the file');
  }
  t.equal((await get('/frame-sets')).json().items.length, 2);
});

t.test('a picture is refused with the way to upload pictures', async (t) => {
  const { uploadLog } = await createFramesApp(t);
  for (const head of [
    '89504e470d0a1a0a',
    'ffd8ffe0',
    '474946383961',
    '49492a00',
    '52494646aaaaaaaa57454250',
    '0000001c6674797061766966',
  ]) {
    const refused = await uploadLog(Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(100, 1)]));
    t.equal(refused.statusCode, 415);
    t.match(refused.json().detail, /POST \/images/, head);
  }
});
