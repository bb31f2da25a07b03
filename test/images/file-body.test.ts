import { gzipSync } from 'node:zlib';
import t from 'tap';
import { exchange } from '../safety/connection.ts';
import { listen, newPicture, problemOf } from '../safety/listening.ts';
import { createTestApp, multipartBody } from '../support/app.ts';

const picture = { 'content-type': 'image/png' };

t.test('one picture is the body itself, with its name in Content-Disposition', async (t) => {
  const { app, send } = await createTestApp(t);
  const post = async (bytes: Buffer, headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/images', payload: bytes, headers });
  const bytes = await newPicture();
  const created = await post(bytes, { ...picture, 'content-disposition': 'attachment; filename="a b.png"' });
  t.equal(created.statusCode, 201);
  const [{ status, filename, image }] = created.json().results;
  t.strictSame([status, filename, image.filename, image.format], ['created', 'a b.png', 'a b.png', 'png']);
  t.strictSame((await send('GET', image.content_url)).rawPayload, bytes);

  const again = await post(bytes, { 'content-type': 'image/jpeg' });
  t.equal(again.statusCode, 200, 'the content tells the format, and the same bytes are the same image');
  t.equal(again.json().results[0].image.id, image.id);

  for (const [header, name] of [
    ["attachment; filename=x; filename*=UTF-8''%C3%9C.png", 'Ü.png'],
    [Buffer.from('attachment; filename="Ü.png"').toString('latin1'), 'Ü.png'],
    ['attachment; filename="\xdc.png"', 'Ü.png'],
    ['inline; filename="../../etc/x.png"', 'x.png'],
    ['inline', 'image.png'],
    [';;;"', 'image.png'],
  ] as const) {
    const response = await post(await newPicture(), { ...picture, 'content-disposition': header });
    t.equal(response.json().results[0].image.filename, name, header);
  }
});

t.test('a body that cannot be received is refused with the reason', async (t) => {
  const app = await listen(t, { MAX_FILE_BYTES: '10000' });
  const bytes = await newPicture();
  const post = (body: Buffer, headers: Record<string, string>) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return [`POST /images HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n`, body];
  };
  const chunked = (body: Buffer) =>
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
  const long = Buffer.alloc(10_001);
  const length = (body: Buffer) => ({ ...picture, 'content-length': String(body.length) });
  const streamed = { ...picture, 'transfer-encoding': 'chunked' };
  for (const [name, request, status, code, detail] of [
    [
      'no picture',
      post(Buffer.from('x,y'), { ...picture, 'content-length': '3' }),
      415,
      'unsupported_image_format',
      /text/,
    ],
    [
      'no bytes',
      post(Buffer.alloc(0), { ...picture, 'content-length': '0' }),
      415,
      'unsupported_image_format',
      /empty/,
    ],
    ['no body', post(Buffer.alloc(0), picture), 415, 'unsupported_image_format', /empty/],
    [
      'half a picture',
      post(bytes.subarray(0, 60), { ...picture, 'content-length': '60' }),
      422,
      'undecodable_image',
      /./,
    ],
    ['too long', post(long, length(long)), 413, 'file_too_large', /10000 bytes/],
    ['too long, unannounced', post(chunked(long), streamed), 413, 'file_too_large', /10000 bytes/],
    [
      'compressed',
      post(gzipSync(bytes), { ...length(gzipSync(bytes)), 'content-encoding': 'gzip' }),
      415,
      'unsupported_media_type',
      /Content-Encoding/,
    ],
    [
      'of another type',
      post(bytes, { ...length(bytes), 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported_media_type',
      /or one picture with its own type/,
    ],
  ] as const) {
    const answer = await exchange(app.port, request);
    const problem = problemOf(answer);
    t.strictSame([answer.status, problem?.code], [status, code], name);
    t.match(problem?.detail, detail, name);
    t.strictSame(await app.temporaryFiles(), [], `${name}: temporary files are gone`);
  }
  const cutOff = post(bytes.subarray(0, 60), length(bytes));
  const cut = await exchange(app.port, cutOff, { halfClose: true });
  t.strictSame([cut.status, problemOf(cut)?.code], [400, 'incomplete_body'], 'a body that is cut off');
  t.strictSame(await app.temporaryFiles(), []);
  t.equal((await exchange(app.port, post(chunked(bytes), streamed))).status, 201, 'without a length');
  t.strictSame((await app.send('GET', '/images')).json().items.length, 1, 'nothing else is stored');
});

t.test('only uploads of images take a picture as the body', async (t) => {
  const { app } = await createTestApp(t);
  const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
  const bytes = await newPicture();
  for (const [method, url] of [
    ['POST', '/upload'],
    ['POST', `/images/${id}/resize`],
    ['PATCH', `/images/${id}`],
  ] as const) {
    const response = await app.inject({ method, url, payload: bytes, headers: picture });
    t.equal(response.statusCode, 415, `${method} ${url}`);
  }
});

t.test('the field of a form may be called file, too', async (t) => {
  const { app, upload } = await createTestApp(t);
  const [first, second] = [await newPicture(), await newPicture()];
  const response = await upload({ bytes: first, field: 'file' }, { bytes: second });
  t.strictSame(
    response.json().results.map(({ status }: { status: string }) => status),
    ['created', 'created'],
  );
  const { headers } = multipartBody([]);
  const [, boundary] = headers['content-type']?.split('boundary=') ?? [];
  const text = `--${boundary}\r\ncontent-disposition: form-data; name="file"\r\n\r\nx\r\n--${boundary}--\r\n`;
  const wrong = await app.inject({ method: 'POST', url: '/images', payload: text, headers });
  t.strictSame(wrong.json().errors, [
    {
      location: 'body',
      path: '/file',
      message: 'Expected a file for file but received a field with neither filename nor Content-Type',
    },
  ]);
});
