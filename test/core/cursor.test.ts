import sharp from 'sharp';
import t, { type Test } from 'tap';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';

/** A list by one of its sorts. */
interface List {
  url: string;
  /** Lists of one kind take each other's cursors: a position is in both of them. */
  kind: string;
  /** Positions of the right shape that this list cannot have given. */
  impossible: (id: string) => unknown[];
}

const IMPOSSIBLE_TIMES = [
  '2026-99-99T00:00:00.000Z',
  '2026-00-10T00:00:00.000Z',
  '2026-02-30T00:00:00.000Z',
  '2025-02-29T00:00:00.000Z',
  '2026-04-31T00:00:00.000Z',
  '2026-11-21T24:00:00.000Z',
  '2026-11-21T23:59:60.000Z',
  '0000-01-01T00:00:00.000Z',
  '2026-11-21T00:00:00Z',
  '2026-11-21T00:00:00.000+01:00',
  '2026-11-21',
  '+012026-11-21T00:00:00.000Z',
  1795219200000,
  null,
];
const IMPOSSIBLE_IDS = [
  '-'.repeat(36),
  'f'.repeat(36),
  '5C5C1F0E-3F0C-4B0E-9D4E-0D3F6F3A8B11',
  'x',
  '',
  7,
  null,
];
const IMPOSSIBLE_TEXTS = ['a\0b', '\ud800', 'a'.repeat(256), 7, null];
const IMPOSSIBLE_SIZES = ['-1', '007', '1.5', '1e3', '9'.repeat(19), '', 7];
const IMPOSSIBLE_ROWS = [0, -1, 1.5, 2 ** 31, 1e300, '1', null];
const IMPOSSIBLE_FRAME_IDS = [0, -1, 1.5, 2 ** 53, 1e300, '1', null];
const IMPOSSIBLE_DEPTHS = [1.1e100, -1.1e100, '1', null];

const TIME = '2026-11-21T09:30:00.000Z';

const byTime =
  (...kind: string[]) =>
  (id: string) => [
    ...IMPOSSIBLE_TIMES.map((time) => [...kind, time, id]),
    ...IMPOSSIBLE_IDS.map((wrong) => [...kind, TIME, wrong]),
    [...kind, TIME],
    [...kind, TIME, id, 1],
  ];
const byText = (column: string, values: readonly unknown[], good: string) => (id: string) => [
  ...values.map((value) => [column, value, id]),
  ...IMPOSSIBLE_IDS.map((wrong) => [column, good, wrong]),
];

const createPicture = (width: number): Promise<Buffer> =>
  sharp({ create: { width, height: 10, channels: 3, background: '#804020' } })
    .png()
    .toBuffer();

/** Every list by every sort. */
function listsOf(image: string, artifact: string): List[] {
  const sorts: [string, List['impossible']][] = [
    ['created_at', byTime('createdAt')],
    ['filename', byText('filename', IMPOSSIBLE_TEXTS, 'a.png')],
    ['size', byText('size', IMPOSSIBLE_SIZES, '100')],
  ];
  return [
    ...sorts.flatMap(([sort, impossible]) =>
      [sort, `-${sort}`].map((order) => ({ url: `/images?sort=${order}&`, kind: sort, impossible })),
    ),
    { url: '/artifacts?', kind: 'artifacts', impossible: byTime() },
    { url: `/images/${image}/artifacts?`, kind: 'artifacts', impossible: byTime() },
    { url: `/artifacts/${artifact}/artifacts?`, kind: 'artifacts', impossible: byTime() },
    { url: '/frame-sets?', kind: 'frame-sets', impossible: byTime('frame-sets') },
    {
      url: '/frames?order=depth&',
      kind: 'frames by depth',
      impossible: (id) => [
        ...IMPOSSIBLE_DEPTHS.map((depth) => ['depth', depth, id, 1]),
        ...IMPOSSIBLE_IDS.map((wrong) => ['depth', 1.5, wrong, 1]),
        ...IMPOSSIBLE_ROWS.map((row) => ['depth', 1.5, id, row]),
        ['depth', 1.5, id],
      ],
    },
    {
      url: '/frames?order=file&',
      kind: 'frames by file',
      impossible: (id) => [
        ...IMPOSSIBLE_IDS.map((wrong) => ['file', wrong, 1]),
        ...IMPOSSIBLE_FRAME_IDS.map((frame) => ['file', id, frame]),
        ['file', id],
      ],
    },
  ];
}

const encode = (text: string) => Buffer.from(text).toString('base64url');

/** What is no cursor of any list. */
const NONSENSE = [
  '',
  '!!!',
  '%00',
  ...['', 'null', '[]', '{}', '"x"', '[1,2,3]', '[[[', '['.repeat(300), '{"0":1}'].map(encode),
];

/** Two of everything, so that each list has a second page. */
async function fill({ app, upload, send }: TestApp): Promise<{ image: string; artifact: string }> {
  for (const width of [20, 21]) {
    await upload({ bytes: await createPicture(width), filename: `${width}.png` });
    const { body, headers } = multipartBody([
      { bytes: Buffer.from(`depth,col1\n1.5,${width}\n2.5,7\n`), field: 'file', filename: `${width}.csv` },
    ]);
    await app.inject({ method: 'POST', url: '/upload', payload: body, headers });
  }
  const image = (await send('GET', '/images')).json().items[0].id;
  const derive = async (url: string, width: number) =>
    (await send('POST', `${url}/resize`, { width })).json().id as string;
  const artifact = await derive(`/images/${image}`, 8);
  await derive(`/images/${image}`, 9);
  await derive(`/artifacts/${artifact}`, 4);
  await derive(`/artifacts/${artifact}`, 5);
  return { image, artifact };
}

t.test('a cursor that no list can have given is 422, whatever the list', async (t) => {
  const served = await createTestApp(t);
  const { image, artifact } = await fill(served);
  const get = (url: string) => served.send('GET', url);
  const lists = listsOf(image, artifact);
  const cursors = await Promise.all(
    lists.map(async ({ url }) => {
      const { headers } = await get(`${url}limit=1`);
      const next = /<([^>]+)>; rel="next"/.exec(String(headers.link))?.[1] ?? '';
      return new URL(next, 'http://a').searchParams.get('cursor') ?? '';
    }),
  );
  const isRefused = async (t: Test, url: string, cursor: string, what: string) => {
    const response = await get(`${url}cursor=${cursor}`);
    t.equal(response.statusCode, 422, `${url} ${what}`);
    t.match(response.json().errors, [{ location: 'query', path: '/cursor' }], `${url} ${what}`);
  };
  for (const [index, { url, kind, impossible }] of lists.entries()) {
    await t.test(url, async (t) => {
      const own = cursors[index] ?? '';
      t.equal((await get(`${url}cursor=${own}`)).statusCode, 200, 'its own cursor');
      for (const position of impossible(image)) {
        const text = JSON.stringify(position);
        await isRefused(t, url, encode(text), text);
      }
      for (const cursor of NONSENSE) await isRefused(t, url, cursor, cursor);
      const text = Buffer.from(own, 'base64url').toString();
      for (const changed of [text.replace(',', ', '), `${text}\n`, text.replace(/\]$/, ',1]')]) {
        await isRefused(t, url, encode(changed), changed);
      }
      for (const cursor of [`${own}!`, own.slice(0, -2)]) await isRefused(t, url, cursor, cursor);
      for (const [other, cursor] of cursors.entries()) {
        const foreign = lists[other];
        if (foreign?.kind !== kind) await isRefused(t, url, cursor, `with a cursor of ${foreign?.url}`);
      }
    });
  }
});

t.test('numbers that JSON writes and no list can have given', async (t) => {
  const served = await createTestApp(t);
  const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
  for (const depth of ['1e999', '-1e999', '-0', '1.50', '15e-1', 'NaN']) {
    const cursor = encode(`["depth",${depth},"${id}",1]`);
    t.equal((await served.send('GET', `/frames?cursor=${cursor}`)).statusCode, 422, depth);
  }
  t.equal((await served.send('GET', `/frames?cursor=${encode(`["depth",1.5,"${id}",1]`)}`)).statusCode, 200);
});

t.test('the longest file name makes a cursor that its list takes', async (t) => {
  const { upload, send } = await createTestApp(t);
  const filename = `${'漢'.repeat(251)}.png`;
  for (const width of [20, 21]) await upload({ bytes: await createPicture(width), filename });
  const { next_cursor: cursor, items } = (await send('GET', '/images?sort=filename&limit=1')).json();
  t.equal(items[0].filename, filename);
  const second = await send('GET', `/images?sort=filename&limit=1&cursor=${cursor}`);
  t.equal(second.statusCode, 200, second.body);
  t.equal(second.json().items.length, 1);
});

t.test('every operation that takes a cursor documents its Link header', async (t) => {
  const { send } = await createTestApp(t);
  interface Operation {
    parameters?: { name: string }[];
    responses: Record<string, { headers?: Record<string, unknown> }>;
  }
  const { paths }: { paths: Record<string, Record<string, Operation>> } = (
    await send('GET', '/openapi.json')
  ).json();
  const lists = Object.entries(paths).filter(([, { get }]) =>
    get?.parameters?.some(({ name }) => name === 'cursor'),
  );
  t.ok(lists.length >= 5, `${lists.length} lists`);
  for (const [url, { get }] of lists) t.ok(get?.responses['200']?.headers?.link, url);
});
