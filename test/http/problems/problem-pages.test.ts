import t from 'tap';
import { ERROR_CODES } from '../../../src/core/errors.ts';
import { PROBLEM_EXAMPLES, PROBLEMS } from '../../../src/http/problems/problems.ts';
import { createTestApp } from '../../support/app.ts';

t.test('the type of every problem is the path of a page that explains it', async (t) => {
  const { send } = await createTestApp(t);
  const list = (await send('GET', '/problems')).body;
  for (const code of ERROR_CODES) {
    const { type = '' } = PROBLEM_EXAMPLES[code]?.value ?? {};
    const { statusCode, headers, body } = await send('GET', type);
    t.equal(statusCode, 200, code);
    t.match(headers['content-type'], /^text\/html; charset=utf-8$/);
    t.match(headers['content-security-policy'], /^default-src 'none'/);
    t.ok(body.includes(`<code>${code}</code>`), `${code} is named`);
    t.ok(body.includes(`<h1>${PROBLEMS[code].title}</h1>`));
    t.ok(list.includes(`href="${type}"`), `${code} is listed`);
    const remedy = PROBLEMS[code].remedy.replaceAll(/[`[\]]|\(\/[^)]*\)/g, '');
    const text = body.replaceAll(/<[^>]*>/g, '');
    t.ok(text.includes(remedy), `${code} says what to do`);
    t.notMatch(text, /[`[\]]/, 'the Markdown is gone');
  }
  const html = (await send('GET', '/problems/not_found')).body;
  t.ok(html.includes('<a href="/docs"><code>/docs</code></a>'), 'links work');
});

t.test('the page of a code that does not exist names the nearest one', async (t) => {
  const { send } = await createTestApp(t);
  const near = (await send('GET', '/problems/validation-failed')).json();
  t.match(near, { status: 404, detail: /did you mean validation_failed\?/ });
  t.match((await send('GET', '/problems/none')).json().detail, /^There is no problem with this code\. /);
});
