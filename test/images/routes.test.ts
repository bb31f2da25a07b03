import path from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import t from 'tap';
import { createTestApp } from '../support/app.ts';
import { NO_TEST_DATA, readTestData } from '../support/test-data.ts';

const picture = (red: number, width = 40, height = 30) =>
  sharp({ create: { width, height, channels: 3, background: { r: red, g: 100, b: 50 } } })
    .png()
    .toBuffer();

t.test('a batch: good files are stored, bad ones fail alone, in order', async (t) => {
  const { upload, send } = await createTestApp(t);
  const response = await upload(
    { bytes: await picture(1), filename: 'a.png' },
    { bytes: Buffer.from('no picture'), filename: 'b.png' },
    { bytes: await picture(2), filename: 'c.jpg' },
    { bytes: (await picture(3)).subarray(0, 60), filename: 'd.png' },
    { bytes: await picture(1), filename: 'again.png' },
    { bytes: Buffer.alloc(0), filename: 'empty.png' },
  );
  t.equal(response.statusCode, 201);
  const { results } = response.json();
  t.strictSame(
    results.map((result: { status: string; filename: string; problem?: { code: string } }) => [
      result.filename,
      result.status,
      result.problem?.code,
    ]),
    [
      ['a.png', 'created', undefined],
      ['b.png', 'failed', 'unsupported_image_format'],
      ['c.jpg', 'created', undefined],
      ['d.png', 'failed', 'undecodable_image'],
      ['again.png', 'existing', undefined],
      ['empty.png', 'failed', 'unsupported_image_format'],
    ],
  );
  t.equal(results[0].image.id, results[4].image.id, 'equal bytes are one image');
  t.match(results[2].image, {
    format: 'png',
    media_type: 'image/png',
    width: 40,
    height: 30,
    channels: 3,
    filename: 'c.jpg',
  });
  t.equal((await send('GET', '/images')).json().items.length, 2);
});

t.test('the status says what the results have in common', async (t) => {
  const { upload } = await createTestApp(t);
  const good = await picture(7);
  t.equal((await upload({ bytes: good })).statusCode, 201);
  t.equal((await upload({ bytes: good })).statusCode, 200);
  const unknown = await upload({ bytes: Buffer.from('x') }, { bytes: Buffer.from('y') });
  t.equal(unknown.statusCode, 415);
  t.match(unknown.headers['content-type'], /problem\+json/);
  t.equal(unknown.json().results.length, 2);
  const mixed = await upload({ bytes: Buffer.from('x') }, { bytes: good.subarray(0, 50) });
  t.equal(mixed.statusCode, 422);
});

t.test('a batch that is sent twice succeeds twice, whatever of it fails', async (t) => {
  const { upload } = await createTestApp(t);
  const batch = [
    { bytes: await picture(1), filename: 'a.png' },
    { bytes: Buffer.from('no picture'), filename: 'b.png' },
    { bytes: (await picture(3)).subarray(0, 60), filename: 'c.png' },
  ];
  const [first, second] = [await upload(...batch), await upload(...batch)];
  t.strictSame([first.statusCode, second.statusCode], [201, 200]);
  const statusesOf = (body: { results: { status: string }[] }) => body.results.map(({ status }) => status);
  t.strictSame(statusesOf(first.json()), ['created', 'failed', 'failed']);
  t.strictSame(statusesOf(second.json()), ['existing', 'failed', 'failed']);
  const [same] = second.json().results;
  t.equal(same.image.id, first.json().results[0].image.id);
});

t.test('an image can be read, renamed and deleted; its bytes come back as they were', async (t) => {
  const { upload, send, services } = await createTestApp(t);
  const bytes = await picture(9);
  const { image } = (await upload({ bytes, filename: '../ümlaut 😀.png' })).json().results[0];
  t.equal(image.filename, 'ümlaut 😀.png');

  const content = await send('GET', image.content_url);
  t.strictSame(content.rawPayload, bytes);
  t.equal(content.headers.etag, `"${image.sha256}"`);
  t.equal(
    (await send('GET', image.content_url, undefined, { 'if-none-match': `"${image.sha256}"` })).statusCode,
    304,
  );
  const part = await send('GET', image.content_url, undefined, { range: 'bytes=1-3' });
  t.strictSame(part.rawPayload, bytes.subarray(1, 4));
  const head = await send('HEAD', image.content_url);
  t.equal(head.headers['content-length'], String(bytes.length));
  t.match(
    (await send('GET', `${image.content_url}?download=true`)).headers['content-disposition'],
    /^attachment/,
  );

  t.equal(
    (await send('PATCH', `/images/${image.id}`, { filename: 'new/name.png' })).json().filename,
    'name.png',
  );
  t.equal((await send('PATCH', `/images/${image.id}`, { filename: '\u0000' })).statusCode, 422);
  t.match((await send('PATCH', `/images/${image.id}`, { filename: '..' })).json(), {
    status: 422,
    errors: [{ path: '/filename', message: 'Expected a valid file name for filename but received ".."' }],
  });
  t.equal((await send('PATCH', `/images/${image.id}`, { name: 'x' })).statusCode, 422);

  t.equal((await send('DELETE', `/images/${image.id}`)).statusCode, 204);
  t.equal((await send('GET', `/images/${image.id}`)).statusCode, 404);
  t.equal((await send('DELETE', `/images/${image.id}`)).statusCode, 404);
  const { rows } = await services.database.pool.query(
    'SELECT (SELECT count(*) FROM blobs) AS blobs, (SELECT count(*) FROM blob_chunks) AS chunks',
  );
  t.strictSame(rows[0], { blobs: '0', chunks: '0' }, 'no bytes that nothing names');
});

t.test('bodies that are no JSON, or not plainly, are refused with the reason', async (t) => {
  const { app } = await createTestApp(t);
  const url = '/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
  const json = { 'content-type': 'application/json' };
  const name = JSON.stringify({ filename: 'x' });
  const cases: [payload: string | Buffer, headers: Record<string, string>, status: number, detail: RegExp][] =
    [
      [gzipSync(name), { ...json, 'content-encoding': 'gzip' }, 415, /without a Content-Encoding/],
      [name, { ...json, 'content-encoding': 'br' }, 415, /without a Content-Encoding/],
      [name, { ...json, 'content-encoding': 'Identity' }, 404, /no image/],
      [name, { 'content-type': 'text/plain' }, 415, /as application\/json/],
      [name, {}, 415, /as application\/json/],
      ['{"filename":}', json, 400, /not valid JSON/],
      ['{"__proto__":{"filename":"x"}}', json, 400, /__proto__/],
      ['', json, 400, /empty/],
      [JSON.stringify({ filename: 'x'.repeat(1024 * 1024) }), json, 413, /1048576 bytes/],
    ];
  for (const [payload, headers, status, detail] of cases) {
    const response = await app.inject({ method: 'PATCH', url, payload, headers });
    t.equal(response.statusCode, status, response.body);
    t.match(response.json().detail, detail);
  }
});

t.test('lists are paged by cursor in every order, without gaps or doubles', async (t) => {
  const { upload, send } = await createTestApp(t);
  const names = ['b.png', 'a.png', 'd.png', 'c.png', 'e%_.png'];
  for (const [index, filename] of names.entries())
    await upload({ bytes: await picture(index, 10 + index), filename });
  const walk = async (query: string) => {
    const seen: string[] = [];
    let url: string | undefined = `/images?limit=2&${query}`;
    while (url) {
      const response = await send('GET', url);
      t.equal(response.statusCode, 200, url);
      seen.push(...response.json().items.map((item: { filename: string }) => item.filename));
      url = /<([^>]+)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1];
      t.equal(url === undefined, response.json().next_cursor === null);
    }
    return seen;
  };
  t.strictSame(await walk(''), [...names].reverse());
  t.strictSame(await walk('name_contains=?&format=png'), []);
  t.strictSame(await walk('sort=created_at'), names);
  t.strictSame(await walk('sort=filename'), [...names].sort());
  t.strictSame(await walk('sort=-filename'), [...names].sort().reverse());
  t.equal((await walk('sort=size')).length, names.length);
  t.equal((await walk('sort=-size')).length, names.length);
  t.strictSame(await walk('name_contains=C.PNG'), ['c.png']);
  t.strictSame(await walk('name_contains=%25_'), ['e%_.png'], 'wildcards of the database are plain text');
  t.strictSame(await walk('format=jpeg'), []);
  t.strictSame(await walk('format=jpeg&format=png'), [...names].reverse());
  t.strictSame(await walk('uploaded_before=2020-01-01T00:00:00Z'), []);
  t.strictSame(await walk('uploaded_before=2020-01-01T00:00:00%2B23:59'), []);
  t.equal((await walk('uploaded_after=2020-01-01T00:00:00Z')).length, names.length);
});

t.test('wrong parameters are 422, with their place', async (t) => {
  const { send } = await createTestApp(t);
  const cases: [string, string][] = [
    ['/images?limit=0', '/limit'],
    ['/images?limit=501', '/limit'],
    ['/images?limit=x', '/limit'],
    ['/images?sort=colour', '/sort'],
    ['/images?format=svg', '/format'],
    ['/images?uploaded_after=yesterday', '/uploaded_after'],
    ['/images?uploaded_after=2016-12-31T23:59:60Z', '/uploaded_after'],
    ['/images?uploaded_before=0001-01-01T00:00:00%2B14:00', '/uploaded_before'],
    ['/images?uploaded_before=9999-12-31T23:59:59-14:00', '/uploaded_before'],
    ['/images?cursor=%00', '/cursor'],
    ['/images?cursor=eyJhIjoxfQ', '/cursor'],
    ['/images?bogus=1', '/bogus'],
    ['/images/none', '/id'],
    ['/images/none/content', '/id'],
    ['/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/content?download=maybe', '/download'],
  ];
  for (const [url, place] of cases) {
    const response = await send('GET', url);
    t.equal(response.statusCode, 422, url);
    t.equal(response.json().errors[0].path, place, url);
  }
  t.equal((await send('GET', '/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11')).statusCode, 404);
});

t.test('20 real pictures and 3 broken ones in one request', { skip: NO_TEST_DATA }, async (t) => {
  const { upload } = await createTestApp(t);
  const good = [
    '16bit-grey-alpha.png',
    'alpha-1024x768.png',
    'alpha.webp',
    'animated.gif',
    'animated.webp',
    'cielab.tif',
    'cmyk.jpg',
    'coffee.png',
    'coins.png',
    'exif-orientation-1.jpg',
    'exif-orientation-3.jpg',
    'exif-orientation-6.jpg',
    'exif-orientation-8.jpg',
    'horse.png',
    'iiif-squares-1000x1000.png',
    'multipage.tif',
    'page.png',
    'photo-2725x2225.jpg',
    'photo.avif',
    'photo.webp',
  ].map((name) => `images/${name}`);
  const broken = ['broken/truncated.jpg', 'broken/corrupt-header.jpg', 'broken/refused.svg'];
  const names = [
    ...good.slice(0, 5),
    broken[0],
    ...good.slice(5, 12),
    broken[1],
    ...good.slice(12),
    broken[2],
  ].flatMap((name) => name ?? []);
  const response = await upload(...names.map((filename) => ({ bytes: readTestData(filename), filename })));
  t.equal(response.statusCode, 201);
  const { results } = response.json();
  t.strictSame(
    results.map((result: { filename: string; status: string }) => [result.filename, result.status]),
    names.map((name) => [path.basename(name), broken.includes(name) ? 'failed' : 'created']),
  );
});
