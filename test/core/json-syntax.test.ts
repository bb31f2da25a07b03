import t from 'tap';
import { jsonSyntaxFault } from '../../src/core/json-syntax.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const TEXT =
  ' {"a": [1, -0.5e+3, true,\tfalse, null, "\\u00e9\\n\\"é😀", {}, []],\r\n "b": {"": ""}, "c": 0} ';

t.test(
  'a text has a fault exactly if it cannot be parsed: when cut, and with a character more, less or other',
  (t) => {
    t.equal(jsonSyntaxFault(TEXT), undefined);
    const disagreements: string[] = [];
    const compare = (text: string) => {
      if (isJson(text) !== (jsonSyntaxFault(text) === undefined)) disagreements.push(text);
    };
    for (let at = 0; at <= TEXT.length; at += 1) {
      const [before, after] = [TEXT.slice(0, at), TEXT.slice(at)];
      compare(before);
      compare(before + after.slice(1));
      for (const other of '{}[],:"\\ue0-+.1 \n\u0000\u00a0tN/\'') {
        compare(before + other + after);
        compare(before + other + after.slice(1));
      }
    }
    t.strictSame(disagreements, []);
    t.end();
  },
);

for (const [text, fault] of [
  ['', 'Expected a JSON document but received an empty body'],
  [' \n', 'Expected a JSON value but received the end of the body at line 2, column 1'],
  ['\uFEFF{"a" 1}', 'Expected ":" but received "1" at line 1, column 6'],
  ['{"width": NaN}', 'Expected a JSON value but received "NaN" at line 1, column 11'],
  ['{"width": 1,}', 'Expected a name in double quotes but received "}" at line 1, column 13'],
  ["{'a': 1}", 'Expected a name in double quotes but received "\'" at line 1, column 2'],
  ['[1\r\n2]', 'Expected "," or "]" but received "2" at line 2, column 1'],
  ['{"a": 1 "b": 2}', 'Expected "," or "}" but received "\\"" at line 1, column 9'],
  ['{} 😀', 'Expected the end of the body but received "😀" at line 1, column 4'],
  ['["a', 'Expected the closing quote of a text but received the end of the body at line 1, column 4'],
  ['["a\n"]', 'Expected an escape such as \\n or \\\\ but received "\\n" at line 1, column 4'],
  ['["C:\\data"]', 'Expected an escape such as \\n or \\\\ but received "\\\\" at line 1, column 5'],
  [`[${'a'.repeat(99)}]`, `Expected a JSON value but received "${'a'.repeat(30)}…" at line 1, column 2`],
] as const) {
  t.test(`${JSON.stringify(text.slice(0, 20))}: ${fault}`, async (t) =>
    t.equal(jsonSyntaxFault(text), fault),
  );
}

t.test('a long text is read without running out of stack', async (t) => {
  t.match(jsonSyntaxFault(`["${'a'.repeat(1_000_000)}`), /closing quote .* column 1000003$/);
  t.match(jsonSyntaxFault(`["${'\\n'.repeat(500_000)}`), /column 1000003$/);
});
