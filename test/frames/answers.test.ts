import sharp from 'sharp';
import t from 'tap';
import { createFramesApp, readCsv, writeLog } from './app.ts';

const ACCEPTS = [
  'application/json',
  'text/csv',
  'image/png',
  'image/webp,image/png;q=0.5',
  'application/x-ndjson',
  'application/octet-stream',
  'text/html,*/*;q=0.1',
  'audio/mpeg',
  'nonsense',
];

t.test('each address has one kind of answer, whatever Accept says', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(5, 4));
  const [{ id }] = (await get('/frames')).json();
  const answers: [url: string, type: string, filename?: string][] = [
    ['/frames', 'application/json'],
    ['/frames/export', 'text/csv; charset=utf-8; header=present', 'frames.csv'],
    ['/frames/export?format=csv', 'text/csv; charset=utf-8; header=present', 'frames.csv'],
    ['/frames/export?format=ndjson', 'application/x-ndjson', 'frames.ndjson'],
    ['/frames/export?format=raw', 'application/octet-stream', 'frames.raw'],
    ['/frames/picture', 'image/png', 'frames.png'],
    ['/frames/picture?format=png', 'image/png', 'frames.png'],
    ['/frames/picture?format=webp', 'image/webp', 'frames.webp'],
    ['/frames/picture?format=jpeg', 'image/jpeg', 'frames.jpeg'],
    [`/frames/${id}`, 'application/json; charset=utf-8'],
    [`/frames/${id}/picture`, 'image/png', `frame-${id}.png`],
  ];
  for (const [url, type, filename] of answers) {
    const plain = await get(url);
    t.equal(plain.statusCode, 200, url);
    t.equal(plain.headers['content-type'], type, url);
    const disposition = plain.headers['content-disposition'];
    t.equal(/^inline; filename="?([\w.-]+)"?$/.exec(String(disposition))?.[1], filename, url);
    for (const accept of ACCEPTS) {
      const { statusCode, headers, rawPayload } = await get(url, { accept });
      t.equal(statusCode, 200, `${url} as ${accept}`);
      t.ok(rawPayload.equals(plain.rawPayload), `${url} as ${accept}: the same bytes`);
      t.equal(headers['content-type'], type);
      t.equal(headers.etag, plain.headers.etag);
      t.notOk(headers.vary, 'it does not vary');
    }
  }
});

t.test('only format=auto chooses by Accept, and says so', async (t) => {
  const { app, uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(5, 4));
  const url = '/frames/picture?format=auto';
  const choices: [accept: string | undefined, format: string][] = [
    [undefined, 'png'],
    ['*/*', 'png'],
    ['image/*', 'png'],
    ['image/webp', 'webp'],
    ['image/jpeg', 'jpeg'],
    ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8', 'webp'],
    ['image/png;q=0.5,image/jpeg', 'jpeg'],
    ['image/png;q=0,image/*', 'webp'],
  ];
  for (const [accept, format] of choices) {
    for (const method of ['GET', 'HEAD'] as const) {
      const response = await app.inject({ method, url, headers: accept === undefined ? {} : { accept } });
      t.equal(response.statusCode, 200, `${method} ${accept}`);
      t.equal(response.headers['content-type'], `image/${format}`, `${method} ${accept}`);
      t.equal(response.headers.vary, 'Accept');
    }
  }
  const tags = new Set<unknown>();
  for (const accept of ['image/png', 'image/webp', 'image/jpeg'])
    tags.add((await get(url, { accept })).headers.etag);
  t.equal(tags.size, 3);
  const etag = String((await get(url, { accept: 'image/webp' })).headers.etag);
  const known = await get(url, { accept: 'image/webp', 'if-none-match': etag });
  t.match({ status: known.statusCode, vary: known.headers.vary }, { status: 304, vary: 'Accept' });
  t.equal((await get(url, { accept: 'image/jpeg', 'if-none-match': etag })).statusCode, 200);
  for (const accept of ['text/csv', 'application/json', 'image/gif']) {
    const refused = await get(url, { accept });
    t.equal(refused.statusCode, 406, accept);
    t.equal(refused.json().code, 'not_acceptable');
    t.equal(refused.headers.vary, 'Accept', 'a refusal varies, too');
  }
});

t.test('a parameter of another address, and a format of another one, are refused', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(5, 4));
  const refused: [path: string, query: string][] = [
    ...['format=png', 'format=csv', 'height=2', 'scale=rows'].map((query): [string, string] => ['', query]),
    ...['png', 'webp', 'auto', 'json', 'xls', '', 'csv&format=raw'].map((format): [string, string] => [
      '/export',
      `format=${format}`,
    ]),
    ...['height=2', 'scale=depth'].map((query): [string, string] => ['/export', query]),
    ...['csv', 'ndjson', 'raw', 'gif', 'avif', 'image/png', '', 'png&format=webp'].map(
      (format): [string, string] => ['/picture', `format=${format}`],
    ),
    ...['height=0', 'height=1.5', 'height=1000001', 'scale=log'].map((query): [string, string] => [
      '/picture',
      query,
    ]),
    ...['', '/export', '/picture'].flatMap((path) =>
      ['depth_min=2&depth_max=1', 'limit=0', 'cursor=x', 'colormap=nope', 'width=0', 'nope=1'].map(
        (query): [string, string] => [path, query],
      ),
    ),
  ];
  for (const [path, query] of refused) {
    const response = await get(`/frames${path}?${query}`);
    t.equal(response.statusCode, 422, `${path}?${query}`);
    const [fault] = response.json().errors;
    t.match(fault, { location: 'query' }, `${path}?${query}`);
    t.equal(fault.path.split('/')[1], query.split('=')[0], `${path}?${query}`);
  }
});

t.test('a range without frames', async (t) => {
  const { app, uploadLog, get } = await createFramesApp(t);
  await uploadLog(writeLog(5, 4));
  const empty = 'depth_min=500';
  t.strictSame((await get(`/frames?${empty}`)).json(), []);
  t.equal((await get(`/frames/export?${empty}`)).body, 'depth\n');
  t.equal((await get(`/frames/export?format=ndjson&${empty}`)).body.trim(), '');
  t.equal((await get(`/frames/export?format=raw&${empty}`)).rawPayload.length, 0);
  for (const url of [`/frames?${empty}`, `/frames/export?${empty}`]) {
    t.equal((await get(url)).headers['x-frame-count'], '0');
    t.equal((await app.inject({ method: 'HEAD', url })).headers['x-frame-count'], '0');
  }
  for (const method of ['GET', 'HEAD'] as const) {
    const picture = await app.inject({ method, url: `/frames/picture?${empty}` });
    t.equal(picture.statusCode, 404, `${method}: nothing makes no picture`);
    t.notOk('etag' in picture.headers);
  }
});

t.test('frame sets of several widths: apart as JSON, together at a width', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  const ids = [
    (await uploadLog(writeLog(4, 12), '?width=4')).json().id,
    (await uploadLog(writeLog(4, 6), '?width=3')).json().id,
  ];
  const both = ids.map((id) => `frame_set_id=${id}&`).join('');
  for (const path of ['/frames/export?', '/frames/export?format=raw&', '/frames/picture?']) {
    const url = `${path}${both}`;
    const refused = await get(url);
    t.equal(refused.statusCode, 422, url);
    t.match(refused.json().errors, [{ location: 'query', path: '/width' }], url);
    const together = await get(`${url}width=6`);
    t.equal(together.statusCode, 200, url);
    t.equal(together.headers['x-frame-width'], '6', url);
    t.equal(together.headers['x-frame-count'], '8', url);
  }
  for (const url of ['/frames', '/frames/export?format=ndjson']) {
    const apart = await get(url);
    t.equal(apart.statusCode, 200, url);
    t.notOk('x-frame-width' in apart.headers, url);
  }
});

t.test('pages of every form are the frames one after the other', async (t) => {
  const { uploadLog, get } = await createFramesApp(t);
  await uploadLog(
    writeLog(25, 4, (row, column) => 10 * row + column),
    '?width=4',
  );
  const follow = async (url: string): Promise<Buffer[]> => {
    const pages: Buffer[] = [];
    for (let next: string | undefined = url; next; ) {
      const page = await get(next);
      t.equal(page.statusCode, 200, next);
      pages.push(page.rawPayload);
      next = /<([^>]+)>; rel="next"/.exec(String(page.headers.link ?? ''))?.[1];
    }
    return pages;
  };
  const whole = (await get('/frames/export?format=raw')).rawPayload;
  t.strictSame(Buffer.concat(await follow('/frames/export?format=raw&limit=10')), whole);
  const tables = await follow('/frames/export?limit=10');
  t.equal(tables.length, 3);
  t.strictSame(
    tables.flatMap((table) => readCsv(table.toString()).flatMap(({ pixels }) => pixels)),
    [...whole],
  );
  const pictures = await follow('/frames/picture?limit=10&colormap=grey');
  const levels = await Promise.all(
    pictures.map((picture) => sharp(picture).toColourspace('b-w').raw().toBuffer()),
  );
  t.strictSame(Buffer.concat(levels), whole);
});
