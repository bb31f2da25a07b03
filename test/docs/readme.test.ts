import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import t from 'tap';
import { startServer } from '../safety/processes.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLES = path.join(ROOT, 'examples');

t.test('the README’s commands succeed as they stand, one after the other', async (t) => {
  const text = await readFile(path.join(ROOT, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block = '']) => block);
  const script = blocks.filter((block) => block.includes('curl')).join('\n');
  const commands = script.match(/curl/g)?.length ?? 0;
  t.ok(commands >= 12, `${commands} requests`);
  t.equal(script.match(/curl -fsS/g)?.length, commands, 'each of them fails if the answer is a problem');

  const { url } = await createTestDatabase(t);
  const { port } = await startServer(t, { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) });
  const folder = t.testdir();
  await symlink(EXAMPLES, path.join(folder, 'examples'));
  const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
  const run = promisify(execFile);
  await run(
    'bash',
    ['-euo', 'pipefail', '-c', script.replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)],
    options,
  );

  const made = (name: string) => path.join(folder, name);
  t.match(await sharp(made('small.webp')).metadata(), { format: 'webp', width: 800 });
  t.match(await sharp(made('badge.png')).metadata(), { format: 'png', width: 256, height: 256 });
  t.match(await sharp(made('overlay.png')).metadata(), { format: 'png', width: 1500 });
  t.match(await sharp(made('log.png')).metadata(), { format: 'png', height: 600 });
  t.match(await readFile(made('histogram.svg'), 'utf8'), /^<svg /);
  t.match(await readFile(made('frames.csv'), 'utf8'), /^depth,.*\n9000\.1,/);
});

t.test('the examples can be made again', async (t) => {
  const folder = t.testdir();
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'scripts/make-examples.ts'), folder]);
  const pixels = (parent: string, name: string) => sharp(path.join(parent, name)).raw().toBuffer();
  for (const name of ['photo.jpg', 'scan.png']) {
    const [kept, made] = [await pixels(EXAMPLES, name), await pixels(folder, name)];
    t.equal(made.length, kept.length);
    const difference = kept.reduce((sum, value, index) => sum + Math.abs(value - (made[index] ?? 0)), 0);
    // Processors round differently.
    t.ok(difference / kept.length < 1, `${name}: the same picture`);
  }
  const log = (parent: string) => readFile(path.join(parent, 'image-log.csv'), 'utf8');
  t.equal(await log(folder), await log(EXAMPLES));
});
