import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { CLIENTS } from './client.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../clients');

t.test('every program in clients/ is tested', async (t) => {
  const entries = await readdir(FOLDER, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== 'node_modules');
  t.strictSame(folders.map(({ name }) => name).toSorted(), CLIENTS.map(({ name }) => name).toSorted());
  const files = await readdir(import.meta.dirname);
  for (const { language } of CLIENTS) t.ok(files.includes(`${language}.test.ts`), language);
});

t.test('clients/README.md has the commands that are tested', async (t) => {
  const text = await readFile(path.join(FOLDER, 'README.md'), 'utf8');
  for (const { name, generate, compile, run } of CLIENTS) {
    const [, section = ''] = text.split(`\n## ${name}\n`);
    const [own = ''] = section.split('\n## ');
    for (const command of [...generate, ...compile, run])
      t.ok(own.includes(`\n${command}`), `${name}: ${command}`);
  }
});
