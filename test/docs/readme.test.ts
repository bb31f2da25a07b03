import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { parseEnv, promisify } from 'node:util';
import sharp from 'sharp';
import t from 'tap';
import { startServer } from '../safety/processes.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { blocksOf, runBash, sectionOf } from './blocks.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLES = path.join(ROOT, 'examples');
const README = await readFile(path.join(ROOT, 'README.md'), 'utf8');

t.test('the README’s commands succeed as they stand, one after the other', async (t) => {
  const commandBlocks = blocksOf(sectionOf(README, 'Start')).filter(
    ({ language, code }) => language === 'bash' && code.includes('curl'),
  );
  const script = commandBlocks.map(({ code }) => code).join('\n');
  const commands = script.match(/curl/g)?.length ?? 0;
  t.ok(commands >= 12, `${commands} requests`);
  t.equal(script.match(/curl -fsS/g)?.length, commands, 'each of them fails if the answer is a problem');

  const { url } = await createTestDatabase(t);
  const { port } = await startServer(t, { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) });
  const folder = t.testdir();
  await symlink(EXAMPLES, path.join(folder, 'examples'));
  await runBash(script, folder, { '127.0.0.1:8000': `127.0.0.1:${port}` });

  const made = (name: string) => path.join(folder, name);
  t.match(await sharp(made('small.webp')).metadata(), { format: 'webp', width: 800 });
  t.match(await sharp(made('badge.png')).metadata(), { format: 'png', width: 256, height: 256 });
  t.match(await sharp(made('overlay.png')).metadata(), { format: 'png', width: 1500 });
  t.match(await sharp(made('log.png')).metadata(), { format: 'png', height: 600 });
  t.match(await readFile(made('histogram.svg'), 'utf8'), /^<svg /);
  t.match(await readFile(made('frames.csv'), 'utf8'), /^depth,.*\n9000\.1,/);
});

t.test(
  'the README’s commands for users start a service, log in, make a key and upload with it',
  async (t) => {
    const [start = '', commands = ''] = blocksOf(sectionOf(README, 'Users and API keys')).map(
      ({ code }) => code,
    );
    const printed = await runBash(start.replace('npm start', 'env -0'), ROOT, {});
    const variables = Object.fromEntries(
      printed.split('\0').map((variable) => variable.split(/=(.*)/s) as [string, string]),
    );
    const { AUTH_MODE = '', SECRET = '', ADMIN_EMAIL = '', ADMIN_PASSWORD = '' } = variables;
    const { url } = await createTestDatabase(t);
    const { port } = await startServer(t, {
      DATABASE_URL: url,
      DATA_DIR: await makeReachableFolder(t),
      AUTH_MODE,
      SECRET,
      ADMIN_EMAIL,
      ADMIN_PASSWORD,
    });
    const addresses = { '127.0.0.1:8000': `127.0.0.1:${port}` };
    await t.rejects(
      runBash('curl -fsS http://127.0.0.1:8000/images', ROOT, addresses),
      /401/,
      'it is required',
    );
    const output = await runBash(commands, ROOT, addresses, { EMAIL: ADMIN_EMAIL, PASSWORD: ADMIN_PASSWORD });
    t.match(JSON.parse(output), { results: [{ status: 'created', filename: 'photo.jpg' }] });
  },
);

t.test('the README’s secret for Docker and the settings of the container start the service', async (t) => {
  const [{ code = '' } = {}] = blocksOf(sectionOf(README, 'With Docker'));
  const folder = t.testdir();
  await runBash(code.replace('docker compose up --build', 'true'), folder, {});
  const { url } = await createTestDatabase(t);
  const { port, output } = await startServer(t, {
    ...parseEnv(await readFile(path.join(ROOT, '.env.docker'), 'utf8')),
    ...parseEnv(await readFile(path.join(folder, '.env'), 'utf8')),
    ALLOWED_HOSTS: 'api',
    DATABASE_URL: url,
    DATA_DIR: await makeReachableFolder(t),
    TEMP_IMAGE_DIR: 'temp_images',
    TEMP_JSON_DIR: 'temp_jsons',
    HOST: '127.0.0.1',
  });
  t.equal((await fetch(`http://127.0.0.1:${port}/images`)).status, 401);
  t.match(output(), /"setup_token":"cfs_/, 'the log says how to create the first administrator');
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
