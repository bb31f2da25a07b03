import t from 'tap';
import { allowedMs } from '../support/time.ts';
import { exchange } from './connection.ts';
import { head, listen, newPicture, problemOf } from './listening.ts';
import { LIMITS, multipartCases } from './multipart-cases.ts';

const CSV = Buffer.from('depth,col1,col2\n1.0,1,2\n2.0,3,4\n');

t.test('the same bodies sent as image logs are refused, and leave nothing behind', async (t) => {
  const app = await listen(t, { MAX_CSV_BYTES: String(LIMITS.MAX_REQUEST_BYTES) });
  const rowsOf = async (table: string) =>
    (await app.services.database.pool.query(`SELECT FROM ${table}`)).rowCount;
  for (const { name, bytes, status, options } of await multipartCases(newPicture)) {
    // The field is `file` here; a blank keeps all lengths as they are.
    const requests = bytes.map((chunk) => {
      const text = Buffer.from(chunk as string).toString('latin1');
      const changed = text
        .replaceAll('POST /images ', 'POST /upload ')
        .replaceAll('name="files"', 'name="file" ');
      return Buffer.from(changed, 'latin1');
    });
    const answer = await exchange(app.port, requests, options);
    // No picture is a CSV, so that what is well-formed is refused, too.
    t.ok(
      answer.status >= 400 && answer.status < 500 && problemOf(answer),
      `${name} (${status} for a picture): ${answer.status} ${answer.error ?? answer.body.toString().slice(0, 150)}`,
    );
    t.ok(answer.isWhole && answer.ms < allowedMs(1000), `${name}: ${Math.round(answer.ms)} ms`);
  }
  t.equal(await rowsOf('frame_sets'), 0, 'no frame set');
  t.equal(await rowsOf('frames'), 0, 'no frame');
  t.strictSame(await app.temporaryFiles(), [], 'no temporary file');
  const body = Buffer.concat([
    Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'),
    CSV,
    Buffer.from('\r\n--b--\r\n'),
  ]);
  const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': body.length };
  const good = await exchange(app.port, [head('POST', '/upload', headers), body]);
  t.equal(good.status, 201, good.body.toString().slice(0, 200));
});
