import t from 'tap';
import { allowedMs } from '../support/time.ts';
import { exchange } from './connection.ts';
import { listen, newPicture, problemOf } from './listening.ts';
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
