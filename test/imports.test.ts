import { execFile } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

/**
 * The rules of docs/architecture.md about who may import whom, read from the source itself.
 */
const SOURCE = path.resolve(import.meta.dirname, '../src');

/** What a slice offers to the others; all else in its folder is its own. */
const OFFERED: Record<string, readonly string[]> = {
  artifacts: ['derived.ts'],
  frames: [],
  histogram: [],
  images: ['filename.ts', 'store.ts'],
  manipulation: [],
  segmentation: [],
};

/** Folders and files that compute and know nothing of HTTP and databases. */
const PURE = [
  /^(config|errors|faults|schema|schema-faults)\.ts$/,
  /^(imaging|pictures)\//,
  /^(histogram|segmentation|manipulation|work)\//,
  /^images\/operation\.ts$/,
  /^frames\/(arithmetic|batches|csv|copy-rows|faults|ingest|normalize|null-|png|quality|resample|row-binner|row-sink)/,
  /^frames\/(colormap|picture-task|picture-input|picture|colormap-tables)\.ts$/,
];
const NOT_PURE = [/^fastify/, /^@fastify\//, /^pg$/, /^@?prisma/, /^\.\.\/http\//, /^\.\.\/db\//];

/** The files that put everything together, and the main modules of processes. */
const ROOTS = new Set(['server.ts', 'services.ts', 'app.ts', 'operations.ts', 'image-worker.ts']);

interface Module {
  file: string;
  text: string;
  imports: string[];
}

async function readModules(): Promise<Module[]> {
  const modules: Module[] = [];
  for await (const file of glob('**/*.ts', { cwd: SOURCE })) {
    if (file.startsWith('db/generated/')) continue;
    const text = await readFile(path.join(SOURCE, file), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].flatMap(
      (match) => match[1] ?? [],
    );
    modules.push({ file, text, imports });
  }
  return modules;
}

const modules = await readModules();
const resolveImport = (from: string, specifier: string): string =>
  path.posix.join(path.posix.dirname(from), specifier);

t.test('there is something to check', async (t) => {
  t.ok(modules.length > 50, `${modules.length} modules`);
});

t.test(
  'pure code imports neither Fastify nor Prisma nor pg, and nothing of HTTP or the database',
  async (t) => {
    for (const { file, imports } of modules.filter(({ file }) =>
      PURE.some((pattern) => pattern.test(file)),
    )) {
      for (const specifier of imports) {
        const relative = specifier.startsWith('.') ? `../${resolveImport(file, specifier)}` : specifier;
        t.notOk(
          NOT_PURE.some((pattern) => pattern.test(relative)),
          `${file} imports ${specifier}`,
        );
      }
    }
  },
);

t.test('a slice uses of another only what that one offers', async (t) => {
  for (const { file, imports } of modules.filter(({ file }) => !ROOTS.has(file))) {
    const own = file.split('/')[0];
    for (const specifier of imports.filter((name) => name.startsWith('.'))) {
      const [slice = '', ...rest] = resolveImport(file, specifier).split('/');
      const offered = OFFERED[slice];
      if (!offered || slice === own) continue;
      t.ok(offered.includes(rest.join('/')), `${file} imports ${slice}/${rest.join('/')}`);
    }
  }
});

t.test('there are no import cycles', async (t) => {
  const graph = new Map(
    modules.map(({ file, imports }) => [
      file,
      imports.filter((name) => name.startsWith('.')).map((name) => resolveImport(file, name)),
    ]),
  );
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

t.test('only config.ts reads the environment of the process as settings', async (t) => {
  for (const { file, text } of modules) {
    if (file === 'config.ts') continue;
    // Child processes are given a few variables of the system (PATH, TMPDIR); they are no settings.
    if (['imaging/image-process.ts', 'db/cluster.ts', 'db/postmaster.ts'].includes(file)) continue;
    t.notMatch(text, /process\.env/, file);
  }
});
