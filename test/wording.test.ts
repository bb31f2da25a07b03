import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';

/** Faults are worded by `src/core/faults.ts`; read from the source, no message is written in a dialect of its own. */
const SOURCE = path.resolve(import.meta.dirname, '../src');

const DIALECTS = [
  /^Expected\s/,
  /[;,] got\b/,
  /\bmust (not )?be\b/,
  /\bis required\b/,
  /\b(goes|does not go) with\b/,
  /\bis not a known\b/,
];

/** Files, or folders, that still have messages of their own; an entry goes with the last of them. */
const ALLOWED = ['core/faults.ts'];

/** The texts between quotes in a TypeScript source, without its comments. */
function literalsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^(.*?)(?<=^|\s)\/\/.*$/gm, '$1');
  const literals = code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  return [...literals].map(([, single, double, template]) => single ?? double ?? template ?? '');
}

const isDialect = (text: string) => DIALECTS.some((dialect) => dialect.test(text));

t.test('the texts of a source are found, and the dialects in them', async (t) => {
  const source = `/* 'must be' */ f('a', /"/); // it's
    g("is required", 'it\\'s; got 1', \`Expected
 a\`); // 'must be'`;
  t.same(literalsOf(source), ['a', 'is required', "it\\'s; got 1", 'Expected\n a']);
  t.same(literalsOf(source).filter(isDialect), ['is required', "it\\'s; got 1", 'Expected\n a']);
  t.notOk(isDialect('an integer from 1 to 100'));
});

t.test('no message is written in a dialect', async (t) => {
  const found = new Set<string>();
  for await (const file of glob('**/*.ts', { cwd: SOURCE })) {
    if (file.startsWith('db/generated/')) continue;
    const texts = literalsOf(await readFile(path.join(SOURCE, file), 'utf8')).filter(isDialect);
    const entry = ALLOWED.find((allowed) => file.startsWith(allowed));
    if (entry === undefined) t.same(texts, [], file);
    else if (texts.length > 0) found.add(entry);
  }
  t.same([...found].sort(), ALLOWED, 'each entry of the list is needed');
});
