import sharp from 'sharp';
import t from 'tap';
import { createTestDatabase, flushStatistics } from '../support/database.ts';
import { createFramesApp, type FramesApp, readCsv, writeLog } from './app.ts';
import { createRandom } from './support.ts';

interface Frame {
  id: number;
  depth: number;
  width: number;
  height: number;
  image: string;
}

const HEX = /^[0-9a-f]{8}-/;

/** Pixels of a frame's picture as RGBA. */
async function pixelsOf({ image }: Frame): Promise<number[][]> {
  const { data, info } = await sharp(Buffer.from(image, 'base64'))
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return Array.from({ length: info.width }, (_, x) => [...data.subarray(4 * x, 4 * x + 4)]);
}

async function follow({ get }: FramesApp, url: string): Promise<string[]> {
  const pages: string[] = [];
  let next: string | undefined = url;
  while (next) {
    const response = await get(next);
    if (response.statusCode !== 200) throw new Error(`${next}: ${response.body}`);
    pages.push(response.body);
    next = /<([^>]+)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1];
  }
  return pages;
}

t.test('frames as JSON, NDJSON, CSV and bytes', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(
    writeLog(300, 8, (row, column) => (row === 1 && column > 5 ? '' : (row + column) % 256)),
    '?width=4',
  );
  const json = await get('/frames');
  t.match(json.headers, {
    'content-type': /^application\/json/,
    'x-frame-count': '300',
    'x-frame-width': '4',
    'x-depth-min': '100',
    'x-depth-max': '129.9',
    'x-colormap': 'core',
    'x-normalization': 'none',
    'x-frame-source': 'resized',
  });
  const frames: Frame[] = json.json();
  t.equal(frames.length, 300);
  t.match(frames[2], { id: Number, depth: 100.2, width: 4, height: 1 });
  t.strictSame(Object.keys(frames[2] as Frame), ['id', 'frame_set_id', 'depth', 'width', 'height', 'image']);
  const [second] = frames.slice(1) as [Frame];
  const pixels = await pixelsOf(second);
  t.equal(pixels.length, 4);
  t.strictSame(pixels[3], [0, 0, 0, 0], 'a missing pixel is transparent');
  t.equal(pixels[2]?.[3], 255);

  const grey = (await get('/frames?colormap=grey&depth_min=100.2&depth_max=100.2')).json();
  t.strictSame(
    await pixelsOf(grey[0]),
    [3, 5, 7, 9].map((level) => [level, level, level, 255]),
    '2.5 is rounded up',
  );

  const ndjson = await get('/frames/export?format=ndjson');
  t.match(ndjson.headers['content-type'], /ndjson/);
  t.strictSame(
    ndjson.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    frames,
  );
  t.equal((await get('/frames/export?format=ndjson&depth_min=500')).body.trim(), '');

  const csv = await get('/frames/export');
  t.match(csv.body, /^depth,col1,col2,col3,col4\n100\.0,1,3,5,7\n100.1,2,4,6,\n/);
  const bytes = await get('/frames/export?format=raw');
  t.strictSame(
    [...bytes.rawPayload],
    readCsv(csv.body).flatMap((row) => row.pixels.map((level) => level ?? 0)),
  );
  t.strictSame((await get('/frames?depth_min=500')).json(), []);
});

t.test('bounds are inclusive; an invalid range is refused', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(11, 2));
  const count = async (query: string) => Number((await get(`/frames?${query}`)).headers['x-frame-count']);
  t.equal(await count('depth_min=100.1&depth_max=100.3'), 3);
  t.equal(await count('depth_min=100.3&depth_max=100.3'), 1);
  t.equal(await count('depth_min=100.31&depth_max=100.39'), 0);
  t.equal(await count('depth_max=100.2'), 3);
  t.equal(await count('depth_min=100.9'), 2);
  t.equal(await count('depth_min=-1.7976931348623157e308&depth_max=1.7976931348623157e308'), 11);
  t.equal(await count('depth_min=1.7976931348623157e308'), 0);
  t.equal(await count('depth_max=-1.7976931348623157e308'), 0);
  for (const query of [
    'depth_min=2&depth_max=1',
    'depth_min=abc',
    'depth_min=NaN',
    'depth_min=1e400',
    'limit=0',
    'limit=1.5',
    'order=row',
    'colormap=nope',
    'colormap=0:reddish,255:%23fff',
    'normalization=best',
    'window=0',
    'width=0',
    'source=raw',
    'cursor=abc',
    'cursor=WyJmaWxlIiwxXQ',
    'frame_set_id=7',
    'unknown=1',
    'depth_min=',
  ]) {
    const response = await get(`/frames?${query}`);
    t.equal(response.statusCode, 422, query);
    t.equal(response.json().errors[0].location, 'query', query);
  }
  t.equal((await get('/frames?frame_set_id=5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11')).statusCode, 404);
});

t.test('pages have no gaps and no doubles, over several frame sets with equal depths', async (t) => {
  const frames = await createFramesApp(t);
  const { uploadLog, get } = frames;
  const random = createRandom(7);
  const depths = () => random.below(40) / 4;
  for (let set = 0; set < 4; set++) {
    const response = await uploadLog(
      writeLog(150 + set, 3, (row) => (row + set) % 256, depths),
      '?width=3',
    );
    t.equal(response.statusCode, 201);
  }
  const { rows: truth } = await frames.services.database.pool.query(
    'SELECT id::int, depth FROM frames ORDER BY depth, frame_set_id, row',
  );
  const all: Frame[] = (await get('/frames')).json();
  t.strictSame(
    all.map(({ id, depth }) => ({ id, depth })),
    truth,
  );
  for (const limit of [7, 100, 606, 607]) {
    const pages = await follow(frames, `/frames?limit=${limit}`);
    t.equal(pages.length, Math.ceil(606 / limit), `limit ${limit}`);
    t.strictSame(
      pages.flatMap((page) => JSON.parse(page)),
      all,
      `limit ${limit}`,
    );
  }
  const { rows: inFile } = await frames.services.database.pool.query(
    'SELECT id::int, depth FROM frames WHERE depth BETWEEN 2 AND 7 ORDER BY frame_set_id, row',
  );
  const filePages = await follow(frames, '/frames?order=file&depth_min=2&depth_max=7&limit=50');
  t.strictSame(
    filePages.flatMap((page) => JSON.parse(page)).map(({ id, depth }: Frame) => ({ id, depth })),
    inFile,
  );
  const page = await get('/frames?limit=10&depth_min=2');
  const shown: Frame[] = page.json();
  t.equal(Number(page.headers['x-depth-max']), shown.at(-1)?.depth, 'headers speak of the page');
  const foreign = await get(
    `/frames?order=file&cursor=${/cursor=([^>&]+)/.exec(String(page.headers.link))?.[1]}`,
  );
  t.equal(foreign.statusCode, 422, 'a cursor of another order');
});

t.test('the frames of a frame set as pages', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const { id } = (await uploadLog(writeLog(120, 4))).json();
  await uploadLog(writeLog(120, 5));
  const all: Frame[] = (await get(`/frames?frame_set_id=${id}&colormap=grey&depth_min=101`)).json();
  const url = `/frame-sets/${id}/frames?colormap=grey&depth_min=101`;
  const items: Frame[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await get(`${url}${cursor && `&cursor=${cursor}`}`);
    const body: { items: Frame[]; next_cursor: string | null } = page.json();
    t.equal(page.headers['x-frame-count'], String(body.items.length));
    t.equal('link' in page.headers, body.next_cursor !== null);
    items.push(...body.items);
    cursor = body.next_cursor;
  }
  t.equal(all.length, 110);
  t.strictSame(items, all);
  t.equal((await get(url)).json().items.length, 50, 'a page has 50 frames unless the limit says otherwise');
  const none = await get(`/frame-sets/${id}/frames?depth_min=500`);
  t.strictSame(none.json(), { items: [], next_cursor: null });
  t.equal((await get(url, { 'if-none-match': String(none.headers.etag) })).statusCode, 200);
  t.equal((await get(url, { 'if-none-match': String((await get(url)).headers.etag) })).statusCode, 304);
  t.equal((await get('/frame-sets/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/frames')).statusCode, 404);
  for (const query of [`frame_set_id=${id}`, 'limit=501', 'limit=0', 'cursor=x']) {
    t.equal((await get(`/frame-sets/${id}/frames?${query}`)).statusCode, 422, query);
  }
});

t.test('frames are read by index, however dear the planner takes it to be', async (t) => {
  const { url, name, open } = await createTestDatabase(t);
  const { pool } = await open();
  await pool.query(`ALTER DATABASE ${name} SET random_page_cost = 100000`);
  const { uploadLog, get, services } = await createFramesApp(t, {
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: '4',
  });
  await uploadLog(writeLog(2000, 8));
  const small = (await uploadLog(writeLog(50, 8))).json().id;
  await pool.query('ANALYZE frames');
  const tableScans = async (): Promise<number> => {
    await flushStatistics(services.database.pool, 4);
    const { rows } = await pool.query(
      `SELECT seq_scan::int FROM pg_stat_user_tables WHERE relname = 'frames'`,
    );
    return rows[0].seq_scan;
  };
  const before = await tableScans();
  for (const url of [
    '/frames?limit=40',
    '/frames?limit=40&order=file',
    `/frames/picture?frame_set_id=${small}&normalization=dynamic`,
  ]) {
    t.equal((await get(url)).statusCode, 200, url);
  }
  t.equal(await tableScans(), before);
});

t.test('other widths come from the originals; several widths need one', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const first = await uploadLog(writeLog(20, 12), '?width=4');
  const second = await uploadLog(
    writeLog(20, 6, undefined, (row) => 200 + row),
    '?width=3',
  );
  const both = [first, second].map((response) => `frame_set_id=${response.json().id}`).join('&');
  const widths = (await get('/frames')).json().map(({ width }: Frame) => width);
  t.strictSame([...new Set(widths)], [4, 3]);
  for (const path of ['/frames/export?', '/frames/export?format=raw&', '/frames/picture?']) {
    const url = `${path}${both}`;
    const response = await get(url);
    t.equal(response.statusCode, 422, url);
    t.equal(response.json().errors[0].path, '/width');
  }
  const ndjson = (await get('/frames/export?format=ndjson')).body.trimEnd().split('\n');
  t.strictSame(
    ndjson.map((line) => JSON.parse(line).width),
    widths,
    'each line has its own width',
  );
  const csv = readCsv((await get(`/frames/export?width=6&${both}`)).body);
  const originals = Array.from({ length: 12 }, (_, column) => (column * 3) % 256);
  const halves = Array.from({ length: 6 }, (_, x) =>
    Math.floor(((originals[2 * x] as number) + (originals[2 * x + 1] as number) + 1) / 2),
  );
  t.strictSame(csv[0]?.pixels, halves);
  t.equal(csv.length, 40);
});

t.test('normalization is that of the whole frame set, on every page', async (t) => {
  const frames = await createFramesApp(t);
  const { uploadLog, get } = frames;
  const random = createRandom(3);
  const rows = Array.from({ length: 400 }, () => Array.from({ length: 5 }, () => 40 + random.below(150)));
  const depth = (row: number) => Math.floor(row / 2) / 4;
  await uploadLog(
    writeLog(400, 5, (row, column) => rows[row]?.[column] ?? 0, depth),
    '?width=5',
  );
  const spread = (level: number, min: number, max: number) =>
    max === min ? 0 : Math.floor((2 * 255 * (level - min) + (max - min)) / (2 * (max - min)));

  const least = Math.min(...rows.flat());
  const most = Math.max(...rows.flat());
  const fixed = readCsv((await get('/frames/export?normalization=static&depth_min=10&depth_max=20')).body);
  const expected = rows.filter((_, row) => depth(row) >= 10 && depth(row) <= 20);
  t.strictSame(
    fixed.map(({ pixels }) => pixels),
    expected.map((row) => row.map((level) => spread(level, least, most))),
  );

  const dynamic = rows.map((row, index) => {
    const near = rows.filter((_, other) => Math.abs(depth(other) - depth(index)) <= 1.5).flat();
    return row.map((level) => spread(level, Math.min(...near), Math.max(...near)));
  });
  const url = '/frames/export?normalization=dynamic&window=3';
  const whole = await get(url);
  t.equal(whole.headers['x-normalization-window'], '3');
  t.strictSame(
    readCsv(whole.body).map(({ pixels }) => pixels),
    dynamic,
  );
  const pages = await follow(frames, `${url}&limit=37`);
  t.strictSame(
    pages.flatMap((page) => readCsv(page)).map(({ pixels }) => pixels),
    dynamic,
  );
  const part = readCsv((await get(`${url}&depth_min=10&depth_max=12`)).body);
  t.strictSame(
    part.map(({ pixels }) => pixels),
    dynamic.filter((_, row) => depth(row) >= 10 && depth(row) <= 12),
    'the window reaches beyond the rows of the answer',
  );
  t.equal((await get(`${url}&order=file`)).statusCode, 200, 'depths rise in the file');
  await uploadLog(writeLog(5, 5, undefined, (row) => -row));
  t.equal((await get(`${url}&order=file`)).statusCode, 422, 'here they do not');
});

t.test('a frame by its id, and its picture', async (t) => {
  const { app, uploadLog, get } = await createFramesApp(t);
  const { id: frameSetId } = (await uploadLog(writeLog(20, 6))).json();
  const [, frame] = (await get('/frames')).json();
  const one = await get(`/frames/${frame.id}`);
  t.strictSame(one.json(), { ...frame, frame_set_id: frameSetId, row: 2 });
  const png = await get(`/frames/${frame.id}/picture`);
  t.strictSame(png.rawPayload, Buffer.from(frame.image, 'base64'));
  t.match(png.headers, {
    'content-type': 'image/png',
    'content-disposition': /frame-\d+\.png/,
    etag: /^"[0-9a-f]{64}"$/,
  });
  const picture = `/frames/${frame.id}/picture`;
  t.equal((await get(picture, { 'if-none-match': String(png.headers.etag) })).statusCode, 304);
  t.equal((await get(`${picture}?width=9`, { 'if-none-match': String(png.headers.etag) })).statusCode, 200);
  const head = await app.inject({ method: 'HEAD', url: picture });
  t.strictSame([head.statusCode, head.rawPayload.length], [200, 0]);
  t.equal(head.headers['content-length'], String(png.rawPayload.length));
  const part = await get(picture, { range: 'bytes=1-3' });
  t.strictSame([part.statusCode, part.body], [206, 'PNG']);
  const wide = await get(`/frames/${frame.id}?width=300&normalization=dynamic&colormap=turbo_r`);
  t.equal(wide.json().width, 300);
  for (const rest of ['', '/picture']) {
    t.equal((await get(`/frames/${frame.id + 100}${rest}`)).statusCode, 404);
    t.equal((await get(`/frames/0${rest}`)).statusCode, 422);
    t.equal((await get(`/frames/abc${rest}`)).statusCode, 422);
    t.equal((await get(`/frames/${2 ** 53 - 1}${rest}`)).statusCode, 404);
    for (const query of ['colormap=nope', 'width=0', 'format=png', 'height=2', 'limit=1', 'depth_min=1']) {
      const refused = await get(`/frames/${frame.id}${rest}?${query}`);
      t.equal(refused.statusCode, 422, `${rest}?${query}`);
      t.equal(refused.json().errors[0].path, `/${query.split('=')[0]}`);
    }
  }
});

t.test('frame sets: list, rename, unit, delete', async (t) => {
  const { uploadLog, get, send, countRows } = await createFramesApp(t);
  const ids: string[] = [];
  for (const rows of [5, 6, 7]) {
    const response = await uploadLog(writeLog(rows, 4), '?name=Well&depth_unit=ft');
    t.equal(response.statusCode, 201, response.body);
    ids.unshift(response.json().id);
  }
  const first = await get('/frame-sets?limit=2');
  t.strictSame(
    first.json().items.map((set: { id: string }) => set.id),
    ids.slice(0, 2),
  );
  const second = await get(/<([^>]+)>/.exec(String(first.headers.link))?.[1] ?? '');
  t.strictSame(
    second.json().items.map((set: { id: string }) => set.id),
    ids.slice(2),
  );
  t.equal(second.json().next_cursor, null);
  const url = `/frame-sets/${ids[0]}`;
  t.match((await get(url)).json(), {
    name: 'Well',
    depth_unit: 'ft',
    rows: 7,
    options: { width: 150, kernel: 'area' },
  });
  t.match((await send('PATCH', url, { name: 'Well 7', depth_unit: null })).json(), {
    name: 'Well 7',
    depth_unit: null,
  });
  t.match((await send('PATCH', url, { depth_unit: 'm' })).json(), { name: 'Well 7', depth_unit: 'm' });
  for (const body of [{}, { name: '' }, { rows: 1 }, { depth_unit: 7 }]) {
    t.equal((await send('PATCH', url, body)).statusCode, 422, JSON.stringify(body));
  }
  for (const id of ids) t.equal((await send('DELETE', `/frame-sets/${id}`)).statusCode, 204);
  t.equal((await send('DELETE', url)).statusCode, 404);
  t.equal((await get(url)).statusCode, 404);
  t.strictSame(await countRows(), { frames: 0, frame_sets: 0 });
});

t.test("someone else's frames are not there", async (t) => {
  const { uploadLog, get, send, services } = await createFramesApp(t);
  const log = writeLog(10, 4);
  const { id } = (await uploadLog(log)).json();
  const [frame] = (await get('/frames')).json();
  const { pool } = services.database;
  await pool.query("INSERT INTO users (id, name) VALUES ('00000000-0000-4000-8000-0000000000ff', 'other')");
  await pool.query("UPDATE frame_sets SET owner_id = '00000000-0000-4000-8000-0000000000ff'");
  for (const url of [`/frame-sets/${id}`, `/frames/${frame.id}`, `/frames?frame_set_id=${id}`]) {
    t.equal((await get(url)).statusCode, 404, url);
  }
  t.equal((await send('PATCH', `/frame-sets/${id}`, { name: 'mine' })).statusCode, 404);
  t.equal((await send('DELETE', `/frame-sets/${id}`)).statusCode, 404);
  t.strictSame((await get('/frames')).json(), []);
  t.strictSame((await get('/frame-sets')).json().items, []);
  const mine = await uploadLog(log);
  t.equal(mine.statusCode, 201, 'it is stored although another owner has an equal log');
  t.match(mine.json().id, HEX);
});

t.test('conditional requests and HEAD', async (t) => {
  const { app, uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(10, 4));
  for (const url of [
    '/frames?',
    '/frames/export?',
    '/frames/export?format=ndjson&',
    '/frames/export?format=raw&',
    '/frames/picture?',
    '/frames/picture?format=webp&',
    '/frames/picture?format=auto&',
  ]) {
    const response = await get(url);
    t.equal(response.statusCode, 200, url);
    const etag = String(response.headers.etag);
    t.match(etag, /^W\/"[\w-]{43}"$/);
    for (const known of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
      const unchanged = await get(url, { 'if-none-match': known });
      t.equal(unchanged.statusCode, 304, `${url} ${known}`);
      t.equal(unchanged.rawPayload.length, 0);
      t.equal(unchanged.headers.etag, etag);
    }
    for (const known of ['"x"', `${etag.slice(0, -2)}"`]) {
      t.equal((await get(url, { 'if-none-match': known })).statusCode, 200, `${url} ${known}`);
    }
    t.equal((await get(`${url}colormap=grey`, { 'if-none-match': etag })).statusCode, 200);
    const head = await app.inject({ method: 'HEAD', url });
    t.equal(head.statusCode, 200);
    t.equal(head.rawPayload.length, 0);
    for (const name of [
      'content-type',
      'content-disposition',
      'etag',
      'vary',
      'x-frame-count',
      'x-frame-width',
    ]) {
      t.equal(head.headers[name], response.headers[name], `${url} ${name}`);
    }
    const { id } = (await uploadLog(writeLog(10, 4), '?force=true')).json();
    // What would be a mixture of both is refused.
    const status = /^.frames.(export.(?!format=ndjson)|picture)/.test(url) ? 422 : 200;
    t.equal((await get(url, { 'if-none-match': etag })).statusCode, status, 'there is more to see');
    await app.inject({ method: 'DELETE', url: `/frame-sets/${id}` });
  }
  const tags = await Promise.all(
    [
      '/frames',
      '/frames/export',
      '/frames/export?format=raw',
      '/frames/picture',
      '/frames/picture?height=3',
    ].map(async (url) => (await get(url)).headers.etag),
  );
  t.equal(new Set(tags).size, tags.length, 'all forms have different tags');
});

t.test('colour maps are listed with a swatch', async (t) => {
  const { get } = await createFramesApp(t);
  const { items } = (await get('/colormaps')).json();
  t.strictSame(
    items.map(({ name }: { name: string }) => name),
    ['core', 'grey', 'borehole', 'viridis', 'magma', 'inferno', 'turbo'],
  );
  for (const { swatch, name } of items) {
    const { width, height, format } = await sharp(Buffer.from(swatch, 'base64')).metadata();
    t.strictSame([width, height, format], [256, 16, 'png'], name);
  }
});

t.test('a frame set that is deleted while it is read breaks the answer off', async (t) => {
  const { app, uploadLog, send } = await createFramesApp(t);
  const { id } = (await uploadLog(writeLog(60_000, 10))).json();
  const read = async (url: string) => {
    const response = await app.inject({ method: 'GET', url, payloadAsStream: true });
    const stream = response.stream();
    let text = '';
    for await (const chunk of stream) {
      if (text === '') await send('DELETE', `/frame-sets/${id}`);
      text += chunk;
    }
    return text;
  };
  const ndjson = await read('/frames/export?format=ndjson');
  const last = JSON.parse(ndjson.trimEnd().split('\n').at(-1) ?? '');
  t.match(last, { error: { code: 'conflict' } });
});
