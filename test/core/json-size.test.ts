import t from 'tap';
import { unmetByJson } from '../../src/core/json-size.ts';

/** Values of a parsed document, those inside others and all others. */
const countValues = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? 1 + Object.values(value).reduce((sum: number, member) => sum + countValues(member), 0)
    : 1;

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

t.test('values and levels are counted as the parser does, whatever strings hold', async (t) => {
  for (const value of [
    1,
    'a, [b] {c}',
    { 'a,"b"\\': ['\\', '\\"', '"[[[', {}] },
    [[], [[]], [1, 2, 3]],
    { a: { b: { c: ['…,', null, true, -1.5e3] } } },
    ['\\\\', ',', '\\",'],
  ]) {
    const text = JSON.stringify(value, null, 1);
    const values = countValues(value);
    const depth = depthOf(value);
    // An empty array or object counts as if it had a member.
    t.equal(unmetByJson(text, { values: values * 2, depth, members: 9 }), undefined, text);
    if (depth > 0)
      t.equal(
        unmetByJson(text, { values: values * 2, depth: depth - 1, members: 9 }),
        `JSON of at most ${depth - 1} levels`,
        text,
      );
    if (depth > 0) t.match(unmetByJson(text, { values: values / 2, depth, members: 9 }), /values/, text);
  }
  t.equal(unmetByJson('[1,2,3]', { values: 4, depth: 1, members: 2 }), undefined);
  t.equal(unmetByJson('[1,2,3]', { values: 3, depth: 1, members: 2 }), 'JSON of at most 3 values');
  t.equal(unmetByJson('[{"a":[1,2],"b":2},0,0]', { values: 9, depth: 3, members: 2 }), undefined);
  t.equal(
    unmetByJson('{"a":{},"b":2,"c":3}', { values: 9, depth: 3, members: 2 }),
    'JSON objects of at most 2 members',
  );
  t.equal(unmetByJson('[[1]]', { values: 9, depth: 1, members: 2 }), 'JSON of at most 1 levels');
});

t.test('a text that is not JSON ends the scan', async (t) => {
  for (const text of ['', '"', '"\\', '"\\"', ']]]', '[', '{"a', '\\"'])
    t.equal(unmetByJson(text, { values: 10, depth: 10, members: 2 }), undefined, text);
});
