import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';

/** Phrases that read as if they were translated, each with what to write instead. */
const PHRASES: readonly [phrase: RegExp, better: string][] = [
  [/(?<!\b[Tt]here )\b(?:is|are|was|were) no (?!longer|more than|less than|reason|secret)/, 'is not a'],
  [/\b(?:is|are|was|were) none\b/, 'is not one, does not exist'],
  [
    /\bwhere (?:it|they|that|this|there|nothing|nobody|one|none|all|both) (?:is|are|was|has|have|does|do|can|cannot|fails?)\b/i,
    'if',
  ],
  [/\b(?:What|what) of (?:an?|the) \w+ /, 'the fields of, the part of'],
  [/\bof (?:theirs|ours)\b/, 'their, our'],
  [/\bnobody has to log in\b/, 'authentication is off'],
  [/\bwhich then\b/, 'two sentences'],
  [/\bput right\b/, 'fix'],
  [/\bwith a word about\b/, 'with a notice'],
  [/\bgoes before\b/, 'takes precedence over'],
  [/\bthe line (?:is full|for)\b|\bin line\b/, 'the queue'],
  [/\bso many\b(?! as)/, 'this many'],
  [/\bare such\b|\bis such\b/, 'is one of'],
  [/\bwhat (?:comes|came|waits|runs) (?:is|are)\b/, 'name the thing'],
];

const ROOT = path.resolve(import.meta.dirname, '..');
const PROSE = ['*.md', 'docs/**/*.md', 'src/**/*.{ts,md}', 'bench/**/*.ts', 'scripts/**/*.ts'];

/** The sentences of a file, each on one line: comments and texts are often broken. */
function flatten(text: string): string {
  return text.replace(/\s*\n\s*(?:\*(?!\/)|\/\/)?\s*/g, ' ');
}

t.test('the phrases are found, and plain English is not', async (t) => {
  const isFound = (text: string) => PHRASES.some(([phrase]) => phrase.test(flatten(text)));
  for (const bad of [
    'The body is no well-formed JSON.',
    'What of an image can be changed.',
    'Refused where there\n * is no such page.',
    'undefined where there is none',
  ]) {
    t.ok(isFound(bad), bad);
  }
  for (const good of [
    'If there is no such page, it is refused.',
    'It is no longer there.',
    'The folder where the data is.',
  ]) {
    t.notOk(isFound(good), good);
  }
});

t.test('no text uses them', async (t) => {
  for await (const file of glob([...PROSE], { cwd: ROOT })) {
    if (file.startsWith('node_modules/') || file.startsWith('src/db/generated/')) continue;
    const text = flatten(await readFile(path.join(ROOT, file), 'utf8'));
    for (const [phrase, better] of PHRASES) {
      const found = [...text.matchAll(new RegExp(phrase, 'g'))].map(({ index }) =>
        text.slice(Math.max(0, index - 40), index + 40),
      );
      t.strictSame(found, [], `${file}: write "${better}"`);
    }
  }
});
