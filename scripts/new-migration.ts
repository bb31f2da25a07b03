// Writes the next migration: the SQL from the schema of the last migration to prisma/schema.prisma.
//
//   npm run migration:new -- add_jobs
//
// Review the SQL before you commit it, and add by hand what the schema cannot express (checks, storage, data).
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { diffSchemas, isEmptyDiff } from './schema-diff.ts';

const FOLDER = path.resolve(import.meta.dirname, '../prisma/migrations');
const SCHEMA = path.resolve(import.meta.dirname, '../prisma/schema.prisma');

const name = process.argv[2];
if (!name || !/^[a-z0-9_]+$/.test(name)) {
  console.error('Give the migration a name in snake_case: npm run migration:new -- add_jobs');
  process.exit(2);
}

const entries = await readdir(FOLDER, { withFileTypes: true });
const migrations = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
const last = migrations.sort().at(-1);
const before = last ? await readFile(path.join(FOLDER, last, 'schema.prisma'), 'utf8') : '';
const after = await readFile(SCHEMA, 'utf8');

const dataDir = await mkdtemp(path.join(tmpdir(), 'coreframe-migration-'));
try {
  // If this runs as root, the server runs as another user, who needs access.
  await chmod(dataDir, 0o755);
  const server = await openEmbeddedServer({ dataDir, settings: { fsync: 'off' } });
  const sql = await diffSchemas(before, after, server.url).finally(() => server.close());
  if (isEmptyDiff(sql)) console.log(`The schema has not changed since ${last}; the migration is empty.`);
  const number = Number(last?.slice(0, 4) ?? 0) + 1;
  const folder = path.join(FOLDER, `${String(number).padStart(4, '0')}_${name}`);
  await mkdir(folder);
  await writeFile(path.join(folder, 'migration.sql'), `${sql}\n`);
  // The next migration is compared with this.
  await writeFile(path.join(folder, 'schema.prisma'), after);
  console.log(path.relative(process.cwd(), path.join(folder, 'migration.sql')));
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
