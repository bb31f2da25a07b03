import t from 'tap';
import { createFramesApp, readCsv, writeLog } from './app.ts';

interface Item {
  id: number;
  frame_set_id: string;
  depth: number;
}

t.test('two logs over the same depths are never mixed unasked', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const upload = async (level: number, name: string) =>
    (
      await uploadLog(
        writeLog(20, 4, () => level),
        `?width=4&name=${encodeURIComponent(name)}`,
      )
    ).json().id;
  const a = await upload(10, 'Well A');
  const b = await upload(20, 'Well B, run 2');
  // Its depths are others.
  const c = (
    await uploadLog(
      writeLog(
        5,
        4,
        () => 30,
        (row) => 500 + row,
      ),
      '?width=4&name=Deep',
    )
  ).json().id;

  for (const path of ['/frames/picture?', '/frames/export?', '/frames/export?format=raw&']) {
    for (const range of [
      '',
      'depth_min=100&depth_max=101',
      'depth_min=100.5&depth_max=100.5',
      'limit=3',
      'depth_max=1000',
    ]) {
      for (const method of ['GET', 'HEAD'] as const) {
        const refused = await get(`${path}${range}`);
        t.equal(refused.statusCode, 422, `${method} ${path}${range}`);
        const [{ location, path: parameter, message }] = refused.json().errors;
        t.same([location, parameter], ['query', '/frame_set_id']);
        t.match(message, `${a} (Well A)`);
        t.match(message, `${b} (Well B, run 2)`);
        t.equal(
          message.includes(c),
          range === '' || range === 'limit=3' || range === 'depth_max=1000',
          message,
        );
      }
    }
    const one = await get(`${path}frame_set_id=${a}`);
    t.match({ status: one.statusCode, count: one.headers['x-frame-count'] }, { status: 200, count: '20' });
    const both = await get(`${path}frame_set_id=${a}&frame_set_id=${b}`);
    t.match({ status: both.statusCode, count: both.headers['x-frame-count'] }, { status: 200, count: '40' });
    const alone = await get(`${path}depth_min=500`);
    t.match({ status: alone.statusCode, count: alone.headers['x-frame-count'] }, { status: 200, count: '5' });
    // No log has a row between these depths, although both reach over them.
    const none = await get(`${path}depth_min=100.51&depth_max=100.59`);
    t.equal(none.statusCode, path.includes('picture') ? 404 : 200, path);
  }

  for (const url of ['/frames', '/frames?limit=100']) {
    const items: Item[] = (await get(url)).json();
    t.equal(items.length, 45);
    t.same(new Set(items.map((item) => item.frame_set_id)), new Set([a, b, c]));
    for (const { id, frame_set_id } of [items[0], items[1], items.at(-1)] as Item[]) {
      t.equal((await get(`/frames/${id}`)).json().frame_set_id, frame_set_id);
    }
  }
  const lines = (await get('/frames/export?format=ndjson&depth_max=101')).payload.trim().split('\n');
  t.same(new Set(lines.map((line) => JSON.parse(line).frame_set_id)), new Set([a, b]));

  const table = await get(`/frames/export?frame_set_id=${b}`);
  t.ok(readCsv(table.payload).every(({ pixels }) => pixels.every((pixel) => pixel === 20)));
  const missing = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
  t.equal((await get(`/frames?frame_set_id=${a}&frame_set_id=${missing}`)).statusCode, 404);
  t.equal((await get(`/frames?frame_set_id=${a}&frame_set_id=x`)).statusCode, 422);
  t.equal(
    (await get(`/frames?frame_set_id=${a.toUpperCase()}&frame_set_id=${a}`)).json().length,
    20,
    'the same one twice',
  );
});

t.test('a refusal lists at most five frame sets', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  for (let i = 0; i < 7; i += 1) await uploadLog(writeLog(2, 3, () => i));
  t.match((await get('/frames/picture')).json().errors[0].message, / and 2 more\),/);
});

t.test('frame sets are found by a part of their names', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const names = ['Well 7, run 2', 'well 70', 'WELL_7', '100% core', 'back\\slash'];
  for (const [i, name] of names.entries()) {
    await uploadLog(
      writeLog(2, 3, () => i),
      `?name=${encodeURIComponent(name)}`,
    );
  }
  const found = async (name: string) =>
    (await get(`/frame-sets?name=${encodeURIComponent(name)}`))
      .json()
      .items.map((set: { name: string }) => set.name)
      .sort();
  t.same(await found('well 7'), ['Well 7, run 2', 'well 70']);
  t.same(await found('l_7'), ['WELL_7']);
  t.same(await found('%'), ['100% core']);
  t.same(await found('\\'), ['back\\slash']);
  t.same(await found('nothing'), []);
  t.equal((await get('/frame-sets?name=')).statusCode, 422);
  const page = await get('/frame-sets?name=well&limit=2');
  t.equal(page.json().items.length, 2);
  const next = /<([^>]+)>; rel="next"/.exec(String(page.headers.link))?.[1] ?? '';
  t.equal((await get(next)).json().items.length, 1, 'the filter goes on to the next page');
});

t.test('the frame nearest to a depth', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  t.equal((await get('/frames/nearest?depth=1')).statusCode, 404);
  const depths = [10, 20, 20, 30];
  const a = (
    await uploadLog(
      writeLog(
        4,
        3,
        (row) => row,
        (row) => depths[row] ?? 0,
      ),
    )
  ).json().id;
  const b = (
    await uploadLog(
      writeLog(
        2,
        3,
        (row) => 100 + row,
        (row) => 24 + row * 100,
      ),
    )
  ).json().id;
  const nearest = async (query: string) => {
    const { frame_set_id, depth, row } = (await get(`/frames/nearest?${query}`)).json();
    return [frame_set_id === a ? 'a' : 'b', depth, row];
  };
  t.same(await nearest('depth=-5'), ['a', 10, 1]);
  t.same(await nearest('depth=15'), ['a', 10, 1], 'the smaller of two equally near depths');
  t.same(await nearest('depth=20'), ['a', 20, 2], 'the first of equal depths');
  t.same(await nearest('depth=23'), ['b', 24, 1]);
  t.same(await nearest(`depth=23&frame_set_id=${a}`), ['a', 20, 2]);
  t.same(await nearest('depth=1e9'), ['b', 124, 2]);
  t.same(await nearest(`depth=26&frame_set_id=${a}&frame_set_id=${b}`), ['b', 24, 1]);
  const { id, image } = (await get('/frames/nearest?depth=20&colormap=grey&width=5')).json();
  t.equal((await get(`/frames/${id}?colormap=grey&width=5`)).json().image, image);
  for (const query of ['', 'depth=x', 'depth=1&nope=1', `depth=1&frame_set_id=x`]) {
    t.equal((await get(`/frames/nearest?${query}`)).statusCode, 422, query);
  }
});
