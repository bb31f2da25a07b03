import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { PAGES } from '../../scripts/docs/pages.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');

for (const [file, write] of Object.entries(PAGES)) {
  t.test(`docs/${file} says what the code says`, async (t) => {
    t.equal(await readFile(path.join(DOCS, file), 'utf8'), write(), 'else run npm run docs');
  });
}

t.test('docs/dependencies.md has a line for each direct dependency', async (t) => {
  const namesIn = async (file: string): Promise<string[]> => {
    const text = await readFile(path.join(DOCS, '..', file), 'utf8');
    const { dependencies, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>;
    return Object.keys({ ...dependencies, ...devDependencies });
  };
  const page = await readFile(path.join(DOCS, 'dependencies.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  const wanted = [...(await namesIn('package.json')), ...(await namesIn('clients/package.json'))];
  t.strictSame(listed.sort(), wanted.sort());
});
