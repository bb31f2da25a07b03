import { gzipSync } from 'node:zlib';
import type { ExchangeOptions } from './connection.ts';
import { head } from './listening.ts';

/** The limits that the cases are made for. */
export const LIMITS = { MAX_FILES: 5, MAX_FILE_BYTES: 100_000, MAX_REQUEST_BYTES: 400_000 };

/** Raw bytes of a request, and what its answer must be. */
export interface MultipartCase {
  name: string;
  bytes: (Buffer | string)[];
  status: number;
  /** Of the problem; none for a success. */
  code?: string;
  options?: ExchangeOptions;
}

const BOUNDARY = 'b0undary';
const CRLF = '\r\n';

type Bytes = Buffer | string;
const join = (...pieces: Bytes[]): Buffer =>
  Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));

interface RequestOptions {
  boundary?: string;
  /** The whole value of Content-Type; null for none. */
  type?: string | null;
  /** Instead of the true length; null for no length. */
  length?: string | number | null;
  headers?: Record<string, string | number>;
}

/** A POST of a body, whose header tells the truth unless said otherwise. */
function post(body: Bytes, options: RequestOptions = {}): Buffer[] {
  const { type = `multipart/form-data; boundary=${options.boundary ?? BOUNDARY}`, length } = options;
  const bytes = Buffer.from(body as string);
  const headers = {
    ...(type === null ? {} : { 'content-type': type }),
    ...(length === null ? {} : { 'content-length': length ?? bytes.length }),
    ...options.headers,
  };
  return [Buffer.from(head('POST', '/images', headers), 'latin1'), bytes];
}

function part(header: Bytes, content: Bytes, boundary = BOUNDARY): Buffer {
  return join(`--${boundary}${CRLF}`, header, `${CRLF}${CRLF}`, content, CRLF);
}

const disposition = (parameters: string) => `Content-Disposition: form-data; ${parameters}`;
const file = (content: Bytes, parameters = 'name="files"; filename="a.png"', type = 'image/png') =>
  part(join(disposition(''), parameters, `${CRLF}Content-Type: ${type}`), content);
const END = `--${BOUNDARY}--${CRLF}`;
const chunked = (...chunks: Bytes[]) =>
  join(...chunks.flatMap((chunk) => [Buffer.byteLength(chunk).toString(16), CRLF, chunk, CRLF]));

/** Every kind of bad, odd or legal multipart body, with what it is answered. `newPicture` gives a picture not sent before. */
export async function multipartCases(newPicture: () => Promise<Buffer>): Promise<MultipartCase[]> {
  const cases: MultipartCase[] = [];
  const refuse = (
    name: string,
    status: number,
    code: string,
    bytes: (Buffer | string)[],
    options?: ExchangeOptions,
  ) => cases.push({ name, status, code, bytes, ...(options ? { options } : {}) });
  const accept = (name: string, bytes: (Buffer | string)[], options?: ExchangeOptions) =>
    cases.push({ name, status: 201, bytes, ...(options ? { options } : {}) });
  const good = await newPicture();
  const goodBody = async () => join(file(await newPicture()), END);

  // Fields and names.
  const parts = (count: number, one: Buffer) => join(...Array<Buffer>(count).fill(one), END);
  refuse('1,001 file parts', 413, 'too_many_files', post(parts(1001, file('x'))));
  refuse('1,001 text fields', 413, 'too_many_files', post(parts(1001, part(disposition('name="x"'), 'x'))));
  refuse('one file more than MAX_FILES', 413, 'too_many_files', post(parts(6, file(good))));
  for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty']) {
    const named = `name="${name}"`;
    const code = ['constructor', '__proto__', 'toString', 'hasOwnProperty'].includes(name)
      ? 'malformed_multipart'
      : 'validation_failed';
    const status = code === 'malformed_multipart' ? 400 : 422;
    refuse(
      `a file field named ${name}`,
      status,
      code,
      post(join(file(good, `${named}; filename="a.png"`), END)),
    );
    refuse(`a text field named ${name}`, status, code, post(join(part(disposition(named), 'x'), END)));
  }
  refuse('no name', 422, 'validation_failed', post(join(file(good, 'filename="a.png"'), END)));
  refuse('an empty name', 422, 'validation_failed', post(join(file(good, 'name=""; filename="a.png"'), END)));
  refuse(
    'another name',
    422,
    'validation_failed',
    post(join(file(good, 'name="picture"; filename="a.png"'), END)),
  );
  refuse(
    'a name of 100,000 characters',
    422,
    'validation_failed',
    post(join(file(good, `name="${'n'.repeat(100_000)}"; filename="a"`), END)),
  );
  refuse(
    'a name of 1,000 characters',
    422,
    'validation_failed',
    post(join(file(good, `name="${'n'.repeat(1000)}"; filename="a"`), END)),
  );
  refuse(
    'a name with a NUL',
    422,
    'validation_failed',
    post(join(file(good, 'name="fi\0les"; filename="a"'), END)),
  );
  refuse(
    'a text field named files',
    422,
    'validation_failed',
    post(join(part(disposition('name="files"'), 'x'), END)),
  );
  refuse(
    'a text field beside a good file',
    422,
    'validation_failed',
    post(join(file(good), part(disposition('name="note"'), 'x'), END)),
  );
  refuse(
    'a text field of 300 kB',
    422,
    'validation_failed',
    post(join(part(disposition('name="note"'), Buffer.alloc(300_000, 'x')), END)),
  );
  refuse(
    'another form-data word',
    422,
    'validation_failed',
    post(join(part('Content-Disposition: attachment; name="files"; filename="a"', good), END)),
  );

  // File names.
  const names: [string, Bytes][] = [
    ['a NUL', 'a\0b.png'],
    ['../', '../../../../etc/passwd'],
    ['backslashes', '..\\..\\windows\\system32\\a.png'],
    ['only dots', '..'],
    ['300 characters', `${'é'.repeat(300)}.png`],
    ['8,000 characters', `${'x'.repeat(8000)}.png`],
    ['emoji', '😀👩‍👩‍👧‍👦.png'],
    ['broken UTF-8', Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0x2e, 0x70, 0x6e, 0x67])],
    ['half a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80, 0x2e, 0x70, 0x6e, 0x67])],
    ['a direction mark', 'photo\u202egnp.exe'],
    ['a tab and a bell', 'a\t\x07b.png'],
    ['an escaped quote', 'a\\"b.png'],
    ['percent signs', 'a%00%2e%2e%2f.png'],
    ['a device name', 'CON'],
    ['markup', '<script>alert(1)</script>.png'],
  ];
  for (const [kind, name] of names) {
    accept(
      `a file name with ${kind}`,
      post(
        join(file(await newPicture(), join('name="files"; filename="', name, '"').toString('latin1')), END),
      ),
    );
  }
  accept(
    'a file name by RFC 5987',
    post(join(file(await newPicture(), 'name="files"; filename*=UTF-8\'\'%e2%82%ac%20rates.png'), END)),
  );
  accept(
    'a broken file name by RFC 5987',
    post(
      join(file(await newPicture(), 'name="files"; filename="a.png"; filename*=UTF-8\'\'%ff%zz%00.png'), END),
    ),
  );
  accept(
    'a file name in an unknown charset',
    post(join(file(await newPicture(), 'name="files"; filename*=nonsense\'\'a.png'), END)),
  );
  accept('an empty file name', post(join(file(await newPicture(), 'name="files"; filename=""'), END)));
  for (const type of ['application/octet-stream', 'image/png']) {
    accept(
      `no file name, but the type ${type}, which was a 500 for application/octet-stream`,
      post(join(file(await newPicture(), 'name="files"', type), END)),
    );
  }
  accept('a bare file name', post(join(file(await newPicture(), 'name=files; filename=a.png'), END)));
  accept(
    'name and filename twice',
    post(join(file(await newPicture(), 'name="x"; name="files"; filename="a"; filename="b"'), END)),
  );

  // Content types and encodings.
  for (const type of [
    'text/html',
    'image/svg+xml',
    'nonsense',
    'multipart/mixed; boundary=x',
    'image/png; charset=utf-7',
    '',
  ]) {
    accept(
      `a part of type ${JSON.stringify(type)}`,
      post(join(file(await newPicture(), undefined, type), END)),
    );
  }
  accept(
    'a part without a type',
    post(join(part(disposition('name="files"; filename="a"'), await newPicture()), END)),
  );
  refuse('a page as a picture', 415, 'unsupported_image_format', post(join(file('<html></html>'), END)));
  refuse(
    'SVG as a picture',
    415,
    'unsupported_image_format',
    post(join(file('<svg xmlns="http://www.w3.org/2000/svg"/>'), END)),
  );
  refuse('no content type', 415, 'unsupported_media_type', post(join(file(good), END), { type: null }));
  for (const type of [
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/mixed; boundary=b0undary',
    'text/plain',
    'nonsense',
    'multipart/form-data-x; boundary=b0undary',
  ]) {
    refuse(`a body of type ${type}`, 415, 'unsupported_media_type', post(join(file(good), END), { type }));
  }
  refuse(
    'a form that is said to be a picture',
    415,
    'unsupported_image_format',
    post(join(file(good), END), { type: 'image/png' }),
  );
  accept(
    'two content types, of which the first counts',
    post(await goodBody(), { headers: { 'Content-Type': 'application/json' } }),
  );
  refuse(
    'base64 as transfer encoding',
    415,
    'unsupported_image_format',
    post(
      join(
        part(
          `${disposition('name="files"; filename="a"')}${CRLF}Content-Transfer-Encoding: base64`,
          good.toString('base64'),
        ),
        END,
      ),
    ),
  );
  refuse(
    'quoted-printable as transfer encoding',
    415,
    'unsupported_image_format',
    post(
      join(
        part(
          `${disposition('name="files"; filename="a"')}${CRLF}Content-Transfer-Encoding: quoted-printable`,
          '=89PNG=0D=0A',
        ),
        END,
      ),
    ),
  );
  refuse(
    'a gzipped body',
    415,
    'unsupported_media_type',
    post(gzipSync(join(file(good), END)), { headers: { 'content-encoding': 'gzip' } }),
  );
  refuse(
    'a body in an unknown encoding',
    415,
    'unsupported_media_type',
    post(join(file(good), END), { headers: { 'content-encoding': 'nonsense' } }),
  );
  refuse(
    'nested multipart',
    415,
    'unsupported_image_format',
    post(
      join(
        file(
          join('--in\r\nContent-Disposition: file; filename="x.png"\r\n\r\n', good, '\r\n--in--\r\n'),
          undefined,
          'multipart/mixed; boundary=in',
        ),
        END,
      ),
    ),
  );

  // Boundaries.
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; border=x',
  ]) {
    refuse(`no boundary: ${type}`, 400, 'malformed_multipart', post(join(file(good), END), { type }));
  }
  const withBoundary = (boundary: string, content: Buffer) =>
    join(part(disposition('name="files"; filename="a"'), content, boundary), `--${boundary}--${CRLF}`);
  accept(
    'a boundary of 70 bytes',
    post(withBoundary('b'.repeat(70), await newPicture()), { boundary: 'b'.repeat(70) }),
  );
  for (const length of [71, 252, 256, 2000]) {
    refuse(
      `a boundary of ${length} bytes`,
      400,
      'malformed_multipart',
      post(withBoundary('b'.repeat(length), await newPicture()), { boundary: 'b'.repeat(length) }),
    );
  }
  const odd = "a'()+_,-./:=?b";
  accept(
    'a boundary of odd characters',
    post(withBoundary(odd, await newPicture()), { type: `multipart/form-data; boundary="${odd}"` }),
  );
  accept(
    'a boundary that begins with dashes',
    post(withBoundary('----x', await newPicture()), { boundary: '----x' }),
  );
  refuse(
    'a boundary with a line end in it',
    400,
    'malformed_request',
    post(join(file(good), END), { type: 'multipart/form-data; boundary=a\nb' }),
  );
  refuse(
    'a boundary with a NUL in it',
    400,
    'malformed_request',
    post(join(file(good), END), { type: 'multipart/form-data; boundary=a\0b' }),
  );
  refuse(
    'a boundary of other bytes than ASCII',
    400,
    'malformed_multipart',
    post(join(file(good), END), { type: 'multipart/form-data; boundary=\xff\xfe' }),
  );
  refuse(
    'a boundary that the body does not have',
    400,
    'malformed_multipart',
    post(join(file(good), END), { boundary: 'other' }),
  );
  refuse(
    'a boundary in other case',
    400,
    'malformed_multipart',
    post(join(file(good), END), { boundary: BOUNDARY.toUpperCase() }),
  );
  refuse(
    'two boundaries',
    400,
    'malformed_multipart',
    post(join(file(good), END), { type: 'multipart/form-data; boundary=other; boundary=b0undary' }),
  );

  // Framing of the body.
  refuse('a body of zero bytes', 422, 'validation_failed', post(''));
  refuse('no body and no length', 422, 'validation_failed', post('', { length: null }));
  refuse('no parts', 422, 'validation_failed', post(END));
  refuse('only line ends', 400, 'malformed_multipart', post('\r\n\r\n\r\n'));
  refuse(
    'only random bytes',
    400,
    'malformed_multipart',
    post(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255))),
  );
  refuse('an empty file', 415, 'unsupported_image_format', post(join(file(''), END)));
  accept(
    'a preamble before the first boundary',
    post(join('This is a multipart message.\r\n', await goodBody())),
  );
  accept('bytes after the last boundary', post(join(await goodBody(), Buffer.alloc(3000, 'x'))));
  refuse(
    'blanks after the boundary',
    422,
    'validation_failed',
    post(
      join(
        `--${BOUNDARY} \t\r\n${disposition('name="files"; filename="a"')}\r\n\r\n`,
        await newPicture(),
        CRLF,
        END,
      ),
    ),
  );
  accept('no line end after the last boundary', post(join(file(await newPicture()), `--${BOUNDARY}--`)));
  refuse(
    'LF as line ends',
    400,
    'malformed_multipart',
    post(`--${BOUNDARY}\nContent-Disposition: form-data; name="files"; filename="a"\n\nx\n--${BOUNDARY}--\n`),
  );
  refuse(
    'CR as line ends',
    400,
    'malformed_multipart',
    post(`--${BOUNDARY}\rContent-Disposition: form-data; name="files"; filename="a"\r\rx\r--${BOUNDARY}--\r`),
  );
  refuse(
    'a part without headers',
    422,
    'validation_failed',
    post(join(`--${BOUNDARY}\r\n\r\n`, good, CRLF, END)),
  );
  refuse(
    'a part without a disposition',
    422,
    'validation_failed',
    post(join(part('Content-Type: image/png', good), END)),
  );
  refuse(
    'a part whose header never ends',
    400,
    'malformed_multipart',
    post(join(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"`, END)),
  );
  refuse(
    'a part header of 200 kB',
    422,
    'validation_failed',
    post(join(part(`X-Bomb: ${'x'.repeat(200_000)}`, good), END)),
  );
  refuse(
    '2,000 headers in a part',
    422,
    'validation_failed',
    post(
      join(
        part(
          join(
            ...Array.from({ length: 2000 }, (_, i) => `X-H${i}: v\r\n`),
            disposition('name="files"; filename="a"'),
          ),
          good,
        ),
        END,
      ),
    ),
  );
  refuse(
    'a header line without a colon',
    422,
    'validation_failed',
    post(join(part(`nonsense${CRLF}${disposition('name="files"; filename="a"')}`, good), END)),
  );
  accept(
    'a header name that is no token',
    post(join(part(`na me: x${CRLF}${disposition('name="files"; filename="a"')}`, await newPicture()), END)),
  );

  // Bodies that are cut off: at every place of interest, by a client that closes its half of the connection.
  const whole = join(file(good), END);
  const headerLength = whole.indexOf('\r\n\r\n') + 4;
  const cuts: [string, number][] = [
    ['before its first byte', 0],
    ['in the first boundary', 5],
    ['after the first boundary', BOUNDARY.length + 4],
    ['in a header name', BOUNDARY.length + 12],
    ['in a header value', BOUNDARY.length + 40],
    ['between the header and the file', headerLength],
    ['after the first byte of the file', headerLength + 1],
    ['in the middle of the file', headerLength + (good.length >> 1)],
    ['after the last byte of the file', headerLength + good.length],
    ['in the line end before the last boundary', headerLength + good.length + 1],
    ['in the last boundary', whole.length - 8],
    ['between the last boundary and its dashes', whole.length - 4],
    ['in the dashes of the last boundary', whole.length - 3],
  ];
  for (const [where, at] of cuts) {
    const [header = '', body = Buffer.alloc(0)] = post(whole);
    refuse(`cut off ${where}`, 400, 'incomplete_body', [header, (body as Buffer).subarray(0, at)], {
      halfClose: true,
    });
    // A length that agrees with the cut: the HTTP message is whole, its content is not.
    if (at > 0) refuse(`whole, but ends ${where}`, 400, 'malformed_multipart', post(whole.subarray(0, at)));
  }
  refuse(
    'cut off chunked',
    400,
    'incomplete_body',
    [
      ...post('', { length: null, headers: { 'transfer-encoding': 'chunked' } }),
      chunked(whole.subarray(0, 200)),
    ],
    { halfClose: true },
  );

  // Lengths and transfer codings.
  refuse('a negative length', 400, 'malformed_request', post(whole, { length: -5 }));
  refuse('a length in words', 400, 'malformed_request', post(whole, { length: 'many' }));
  refuse('a length with a sign', 400, 'malformed_request', post(whole, { length: '+500' }));
  refuse(
    'a length beyond 64 bits',
    400,
    'malformed_request',
    post(whole, { length: '99999999999999999999999' }),
  );
  refuse(
    'two different lengths',
    400,
    'malformed_request',
    post(whole, { headers: { 'Content-Length': 7 } }),
  );
  refuse(
    'a length and chunks',
    400,
    'malformed_request',
    post(whole, { headers: { 'transfer-encoding': 'chunked' } }),
  );
  refuse('a length that is too short', 400, 'malformed_request', post(whole, { length: whole.length - 20 }));
  refuse('a length that is too long', 400, 'incomplete_body', post(whole, { length: whole.length + 20 }), {
    halfClose: true,
  });
  const coded = (body: Bytes, coding = 'chunked') => [
    ...post('', { length: null, headers: { 'transfer-encoding': coding } }),
    body as Buffer,
  ];
  accept('a chunked body', coded(join(chunked(await goodBody()), '0\r\n\r\n')));
  accept(
    'a body in chunks of one byte',
    coded(join(chunked(...[...(await goodBody())].map((byte) => Buffer.from([byte]))), '0\r\n\r\n')),
  );
  refuse('a chunk size that is no number', 400, 'malformed_request', coded('xyz\r\nabc\r\n0\r\n\r\n'));
  refuse('a negative chunk size', 400, 'malformed_request', coded('-5\r\nabc\r\n0\r\n\r\n'));
  refuse(
    'a chunk size beyond 64 bits',
    400,
    'malformed_request',
    coded('fffffffffffffffffff\r\nabc\r\n0\r\n\r\n'),
  );
  refuse('a chunk longer than its size', 400, 'malformed_request', coded('3\r\nabcdef\r\n0\r\n\r\n'));
  refuse('an unknown transfer coding', 400, 'malformed_request', coded('3\r\nabc\r\n0\r\n\r\n', 'nonsense'));
  refuse(
    'chunked before another coding',
    400,
    'malformed_request',
    coded('3\r\nabc\r\n0\r\n\r\n', 'chunked, gzip'),
  );

  // Limits. The client goes on sending, and must still be able to read the answer.
  const big = file(Buffer.alloc(LIMITS.MAX_FILE_BYTES + 1, 'x'));
  refuse('a file over MAX_FILE_BYTES', 413, 'file_too_large', post(join(big, END)));
  accept('a file over MAX_FILE_BYTES beside a good one', post(join(big, await goodBody())));
  const huge = Array<Buffer>(20).fill(Buffer.alloc(1 << 20, 'x'));
  const opening = `--${BOUNDARY}${CRLF}${disposition('name="files"; filename="a"')}${CRLF}${CRLF}`;
  for (const writeFirst of [false, true]) {
    const who = writeFirst ? 'a client that writes first' : 'a client that reads meanwhile';
    refuse(
      `20 MiB with a length from ${who}`,
      413,
      'request_too_large',
      [...post('', { length: 20 << 20 }), ...huge],
      { writeFirst },
    );
    refuse(
      `20 MiB in chunks from ${who}`,
      413,
      'request_too_large',
      coded(join(chunked(opening, ...huge), '0\r\n\r\n')),
      { writeFirst },
    );
    refuse(
      `20 MiB of the wrong type from ${who}`,
      415,
      'unsupported_media_type',
      [...post('', { type: 'text/plain', length: 20 << 20 }), ...huge],
      { writeFirst },
    );
  }
  refuse(
    'many good files over MAX_REQUEST_BYTES',
    413,
    'request_too_large',
    post(
      join(
        file(good),
        ...Array<Buffer>(4).fill(file(Buffer.alloc(99_999, 'x'))),
        Buffer.alloc(100_000, 'x'),
        END,
      ),
      { length: null, headers: { 'transfer-encoding': 'chunked' } },
    ).map((bytes, index) => (index === 0 ? bytes : join(chunked(bytes), '0\r\n\r\n'))),
  );

  // HTTP around it.
  refuse('an unknown Expect', 417, 'expectation_failed', post(whole, { headers: { expect: '200-ok' } }));
  accept('Expect: 100-continue', post(await goodBody(), { headers: { expect: '100-continue' } }));
  refuse(
    'a header of 20 kB',
    431,
    'headers_too_large',
    post(whole, { headers: { 'x-long': 'x'.repeat(20_000) } }),
  );
  refuse('bytes that are no HTTP', 400, 'malformed_request', [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    Buffer.alloc(500, 1),
  ]);
  refuse('HTTP/9.9', 400, 'malformed_request', ['POST /images HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n']);
  refuse('no Host', 400, 'malformed_request', ['POST /images HTTP/1.1\r\nContent-Length: 0\r\n\r\n']);
  refuse('two of Host', 400, 'malformed_request', [
    'POST /images HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n',
  ]);
  const [first, second] = [await goodBody(), await goodBody()];
  accept('two pipelined uploads', [...post(first), ...post(second)], { answers: 2 });
  refuse(
    'a bad upload pipelined after a good one',
    415,
    'unsupported_image_format',
    [...post(await goodBody()), ...post(join(file('x'), END))],
    { answers: 2 },
  );
  accept(
    'a good upload pipelined after a bad one',
    [...post(join(file('x'), END)), ...post(await goodBody())],
    { answers: 2 },
  );
  return cases;
}
