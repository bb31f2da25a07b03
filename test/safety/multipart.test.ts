import t from 'tap';
import { allowedMs } from '../support/time.ts';
import { exchange } from './connection.ts';
import { head, listen, newPicture, problemOf } from './listening.ts';
import { LIMITS, multipartCases } from './multipart-cases.ts';

const settings = Object.fromEntries(Object.entries(LIMITS).map(([name, value]) => [name, String(value)]));

t.test('every kind of bad, odd or legal multipart body has its answer', async (t) => {
  const app = await listen(t, settings);
  const cases = await multipartCases(newPicture);
  t.ok(cases.filter(({ status }) => status >= 400).length >= 60, `${cases.length} kinds`);
  t.equal(new Set(cases.map(({ name }) => name)).size, cases.length, 'each once');
  t.ok(await app.works());
  global.gc?.();
  const rssBefore = process.memoryUsage().rss;
  for (const { name, bytes, status, code, options } of cases) {
    await t.test(name, async (t) => {
      const answer = await exchange(app.port, bytes, options);
      const problem = problemOf(answer);
      t.equal(answer.status, status, `status (${answer.error ?? answer.body.toString().slice(0, 300)})`);
      t.ok(answer.isWhole, 'the answer can be read');
      if (code) t.equal(problem?.code, code, problem?.detail ?? 'no problem document');
      else t.equal(JSON.parse(answer.body.toString()).results.length >= 1, true);
      t.ok(answer.ms < allowedMs(1000), `${Math.round(answer.ms)} ms`);
      t.strictSame(await app.temporaryFiles(), [], 'temporary files are gone');
      t.ok(await app.works(), 'a good upload works');
    });
  }
  const grown = (process.memoryUsage().rss - rssBefore) / 2 ** 20;
  t.ok(grown < 250, `the process has grown by ${Math.round(grown)} MiB`);
});

const DISPOSITIONS = ['', 'form-data', 'attachment', 'FORM-DATA'];
const NAMES = ['', '; name="FIELD"', '; name=""', '; name', '; name="FIELD"; name="x"', '; name="FIELD\0"'];
const FILENAMES = ['', '; filename="a"', '; filename=""', '; filename', "; filename*=x'y", '; filename="\0"'];
const TYPES = ['', 'image/png', 'text/plain', 'application/octet-stream', 'text/plain; charset=nope', ';'];

t.test(
  'a part without a file name was a 500: every mix of a part’s headers is accepted or refused',
  async (t) => {
    const app = await listen(t);
    const log = Buffer.from('depth,col1,col2\n1,2,3\n');
    for (const [url, field, bytes] of [
      ['/images', 'files', await newPicture()],
      ['/upload', 'file', log],
    ] as const) {
      const statuses = new Map<number, number>();
      for (const disposition of DISPOSITIONS) {
        for (const name of NAMES) {
          for (const filename of FILENAMES) {
            for (const type of TYPES) {
              const header = `Content-Disposition: ${disposition}${name}${filename}\r\n`.replaceAll(
                'FIELD',
                field,
              );
              const typed = type === '' ? header : `${header}Content-Type: ${type}\r\n`;
              const body = Buffer.concat([
                Buffer.from(`--b\r\n${typed}\r\n`, 'latin1'),
                bytes,
                Buffer.from('\r\n--b--\r\n'),
              ]);
              const headers = {
                'content-type': 'multipart/form-data; boundary=b',
                'content-length': body.length,
              };
              const answer = await exchange(app.port, [head('POST', url, headers), body]);
              statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
              const isRefused =
                answer.status >= 400 && answer.status < 500 && problemOf(answer) !== undefined;
              if (answer.status !== 200 && answer.status !== 201 && !isRefused)
                t.fail(`${url}: ${JSON.stringify(typed)}: ${answer.status} ${answer.body}`);
            }
          }
        }
      }
      t.strictSame([...statuses.keys()].sort(), [200, 201, 422], `${url}: ${JSON.stringify([...statuses])}`);
    }
  },
);
