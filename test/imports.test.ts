import { execFile } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

/**
 * The rules of docs/architecture.md about who may import whom, read from the source itself.
 */
const SOURCE = path.resolve(import.meta.dirname, '../src');

/** The rooms of `src/` and the rooms below each that it may use. The main modules and what puts everything together are above them. */
const ROOMS: Record<string, readonly string[]> = {
  core: [],
  system: ['core'],
  processes: ['core'],
  pictures: ['core', 'system'],
  db: ['core', 'system'],
  auth: ['core', 'processes', 'db'],
  blobs: ['core', 'system', 'db'],
  backup: ['core', 'system', 'db'],
  work: ['core', 'system', 'pictures', 'blobs', 'auth'],
  http: ['core', 'processes', 'blobs', 'auth', 'work'],
  accounts: ['core', 'auth', 'db', 'blobs', 'http'],
  images: ['core', 'system', 'processes', 'pictures', 'auth', 'db', 'blobs', 'work', 'http'],
  artifacts: ['core', 'pictures', 'auth', 'db', 'blobs', 'work', 'http', 'images'],
  jobs: ['core', 'system', 'processes', 'pictures', 'auth', 'db', 'blobs', 'work', 'http'],
  manipulation: ['core', 'pictures', 'work'],
  histogram: ['core', 'pictures', 'work'],
  segmentation: ['core', 'pictures', 'work'],
  frames: ['core', 'system', 'processes', 'pictures', 'auth', 'db', 'blobs', 'work', 'http'],
};

/** What a slice offers to the others; all else in its folder is its own. */
const OFFERED: Record<string, readonly string[]> = {
  accounts: [],
  images: ['store.ts'],
  artifacts: [],
  jobs: [],
  manipulation: [],
  histogram: [],
  segmentation: [],
  frames: [],
};

/** Folders that compute: nothing that they reach knows of HTTP, the database or a file of SQL. */
const PURE = [
  'core',
  'pictures',
  'manipulation',
  'manipulation/operations',
  'histogram',
  'histogram/plot',
  'segmentation',
  'segmentation/formats',
  'segmentation/labels',
  'segmentation/methods',
  'frames/csv',
  'frames/rows',
];

/** Folders below HTTP, with every `store.ts`: nothing that they reach holds a type of Fastify's. */
const BELOW_HTTP = [
  ...PURE,
  'system',
  'processes',
  'auth',
  'auth/accounts',
  'auth/passwords',
  'auth/tokens',
  'db',
  'db/row-cache',
  'db/embedded',
  'blobs',
  'blobs/postgres',
  'backup',
  'work',
  'frames/ingest',
  'frames/reading',
  'frames/picture',
  'jobs/queue',
  'jobs/broker',
  'jobs/worker',
];

/** The files that put everything together, and the main modules of processes. */
const ROOTS = new Set([
  'server.ts',
  'ready-texts.ts',
  'config.ts',
  'services.ts',
  'app.ts',
  'operations.ts',
  'image-worker.ts',
  'worker.ts',
  'worker-config.ts',
  'worker-status.ts',
  'backup-command.ts',
]);

interface Module {
  file: string;
  text: string;
  imports: string[];
}

/** Imports that are gone when the module runs. */
const TYPE_IMPORTS = /^(import|export) type [^;]*;/gm;

const importsIn = (text: string): string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].flatMap((match) => match[1] ?? []);

async function readModules(): Promise<Module[]> {
  const modules: Module[] = [];
  for await (const file of glob('**/*.ts', { cwd: SOURCE })) {
    if (file.startsWith('db/generated/')) continue;
    const text = await readFile(path.join(SOURCE, file), 'utf8');
    modules.push({ file, text, imports: importsIn(text) });
  }
  return modules;
}

const modules = await readModules();
const resolveImport = (from: string, specifier: string): string =>
  path.posix.join(path.posix.dirname(from), specifier);

t.test('there is something to check', async (t) => {
  t.ok(modules.length > 50, `${modules.length} modules`);
});

/** The files of `src/` that each file imports. */
const graph = new Map(
  modules.map(({ file, imports }) => [
    file,
    imports.filter((name) => name.startsWith('.')).map((name) => resolveImport(file, name)),
  ]),
);
const packagesOf = new Map(
  modules.map(({ file, imports }) => [file, imports.filter((name) => !name.startsWith('.'))]),
);
const folderOf = (file: string): string => path.posix.dirname(file);
const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '');

/** The file, and everything that it imports, directly or through others. */
function reach(file: string, reached = new Set<string>()): Set<string> {
  if (reached.has(file)) return reached;
  reached.add(file);
  for (const next of graph.get(file) ?? []) reach(next, reached);
  return reached;
}

t.test('every folder has its place', async (t) => {
  const rooms = new Set([...graph.keys()].filter((file) => !ROOTS.has(file)).map(roomOf));
  t.strictSame([...rooms].sort(), Object.keys(ROOMS).sort());
  const folders = new Set([...graph.keys()].map(folderOf));
  for (const folder of BELOW_HTTP) t.ok(folders.has(folder), `${folder} exists`);
});

t.test('a room uses only the rooms below it', async (t) => {
  for (const [file, imported] of graph) {
    if (ROOTS.has(file)) continue;
    const room = roomOf(file);
    for (const target of imported) {
      if (roomOf(target) !== room) t.ok(ROOMS[room]?.includes(roomOf(target)), `${file} imports ${target}`);
    }
  }
  for (const [room, below] of Object.entries(ROOMS)) {
    for (const other of below) t.notOk(ROOMS[other]?.includes(room), `${room} and ${other}`);
  }
});

t.test('no two folders import each other', async (t) => {
  const arrows = new Map<string, string>();
  for (const [file, imported] of graph) {
    if (ROOTS.has(file)) continue;
    for (const target of imported) {
      if (folderOf(target) !== folderOf(file)) {
        arrows.set(`${folderOf(file)} → ${folderOf(target)}`, `${file} imports ${target}`);
      }
    }
  }
  t.ok(arrows.size > 20);
  for (const [arrow, example] of arrows) {
    const back = arrows.get(arrow.split(' → ').reverse().join(' → '));
    t.equal(back, undefined, `${example}; ${back}`);
  }
});

t.test('nothing below HTTP reaches it, or a type of Fastify', async (t) => {
  const below = [...graph.keys()].filter(
    (file) => BELOW_HTTP.includes(folderOf(file)) || file.endsWith('/store.ts'),
  );
  for (const file of below) {
    const faults = [...reach(file)].filter(
      (reached) =>
        roomOf(reached) === 'http' || packagesOf.get(reached)?.some((name) => /fastify/.test(name)),
    );
    // The validator is Fastify's own, built without a server.
    t.strictSame(
      faults.filter((reached) => reached !== 'core/validator.ts'),
      [],
      file,
    );
  }
});

t.test('code that computes, and the interface of the blob store, reach no database', async (t) => {
  for (const file of [...graph.keys()].filter((file) => [...PURE, 'blobs'].includes(folderOf(file)))) {
    const faults = [...reach(file)].filter(
      (reached) =>
        roomOf(reached) === 'db' || packagesOf.get(reached)?.some((name) => /^pg|prisma/.test(name)),
    );
    t.strictSame(faults, [], file);
  }
});

t.test('a worker on another machine loads nothing of the database', async (t) => {
  const loads = new Map(modules.map(({ file, text }) => [file, importsIn(text.replace(TYPE_IMPORTS, ''))]));
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const name of loads.get(file) ?? []) if (name.startsWith('.')) load(resolveImport(file, name));
  };
  load('worker.ts');
  t.ok(loaded.size > 50);
  const isOfDatabase = (file: string) =>
    roomOf(file) === 'db' || loads.get(file)?.some((name) => /^pg|prisma/.test(name));
  t.strictSame([...loaded].filter(isOfDatabase), []);
});

t.test('Fastify is known to HTTP, to routes and to what puts them together', async (t) => {
  for (const [file, packages] of packagesOf) {
    if (roomOf(file) === 'http' || ROOTS.has(file) || /(^|[/-])routes\.ts$/.test(file)) continue;
    t.strictSame(
      packages.filter((name) => name === 'fastify'),
      [],
      file,
    );
  }
});

t.test('a slice uses of another only what that one offers', async (t) => {
  for (const [file, imported] of graph) {
    if (ROOTS.has(file)) continue;
    for (const target of imported) {
      const offered = OFFERED[roomOf(target)];
      if (!offered || roomOf(target) === roomOf(file)) continue;
      t.ok(offered.includes(target.slice(roomOf(target).length + 1)), `${file} imports ${target}`);
    }
  }
});

t.test('there are no import cycles', async (t) => {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      t.fail(`cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  t.equal(done.size >= graph.size, true);
});

t.test('the list of operations is a root: only other roots import it', async (t) => {
  const importers = modules
    .filter(({ file, imports }) => imports.some((name) => resolveImport(file, name) === 'operations.ts'))
    .map(({ file }) => file);
  t.ok(importers.length > 0);
  t.strictSame(
    importers.filter((file) => !ROOTS.has(file)),
    [],
  );
});

t.test('the API process loads no native image code', async (t) => {
  const script = `
    await import(${JSON.stringify(`${SOURCE}/services.ts`)});
    await import(${JSON.stringify(`${SOURCE}/app.ts`)});
    console.log(JSON.stringify(process.report.getReport().sharedObjects));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const loaded: string[] = JSON.parse(stdout);
  t.ok(loaded.length > 0);
  t.strictSame(
    loaded.filter((name) => /sharp|vips/.test(name)),
    [],
  );
});

/** They pass on a few variables of the system (PATH, TMPDIR) to child processes, or read what npm says about itself. */
const NOT_SETTINGS = [
  'processes/child.ts',
  'db/embedded/cluster.ts',
  'db/embedded/postmaster.ts',
  'system/stop-requests.ts',
];

t.test('only config.ts and worker-config.ts read the environment of the process as settings', async (t) => {
  for (const { file, text } of modules) {
    if (['config.ts', 'worker-config.ts'].includes(file)) continue;
    if (NOT_SETTINGS.includes(file)) continue;
    t.notMatch(text, /process\.env/, file);
  }
});
