import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { openDatabase } from '../../src/db/database.ts';
import { normalizeDatabaseUrl } from '../../src/db/database-url.ts';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { migrate, readMigrations } from '../../src/db/migrate.ts';

/** A PostgreSQL server for tests: databases can be made on it, and everything in it may be lost. */
export interface TestServer {
  urlOf(database: string): string;
  /** Whether this process is the first to use it. */
  isFirst: boolean;
  close(): Promise<void>;
}

/** Nothing in a test database has to outlive a power cut. */
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: 300 };

/** One folder for each checkout and user; it is kept between runs, which saves making the data folder anew. */
async function serverFolder(): Promise<string> {
  const checkout = createHash('sha256')
    .update(import.meta.dirname)
    .digest('hex')
    .slice(0, 12);
  const folder = path.join(tmpdir(), `coreframe-test-${userInfo().uid}-${checkout}`);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const { uid } = await lstat(folder);
  if (uid !== userInfo().uid) throw new Error(`${folder} belongs to another user.`);
  return folder;
}

/**
 * The server of TEST_DATABASE_URL where that is set, else an embedded one, which all test processes of a checkout share: the
 * first one starts it, the last one stops it.
 */
export async function openTestServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    const urlOf = (database: string) => {
      const url = new URL(normalizeDatabaseUrl(given));
      url.pathname = `/${database}`;
      return url.href;
    };
    return { urlOf, isFirst: false, close: async () => undefined };
  }
  const server = await openEmbeddedServer({ dataDir: await serverFolder(), settings: SETTINGS });
  return { urlOf: server.urlOf, isFirst: !server.adopted, close: server.close };
}

/** Runs statements one after the other on a connection to the server's own database. */
export async function administrate<T>(
  server: TestServer,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: server.urlOf('postgres') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function templateName(): Promise<string> {
  const hash = createHash('sha256');
  for (const { checksum } of await readMigrations()) hash.update(checksum);
  return `template_${hash.digest('hex').slice(0, 16)}`;
}

/** The name of a migrated database to clone, which is made where it is missing. */
export async function ensureTemplate(server: TestServer): Promise<string> {
  const name = await templateName();
  await administrate(server, async (client) => {
    // Several test processes may find it missing at once. The lock ends with the connection.
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount !== 0) return;
    const partial = `${name}_partial`;
    await client.query(`DROP DATABASE IF EXISTS ${partial} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${partial}`);
    const database = await openDatabase({ url: server.urlOf(partial), poolSize: 2 });
    await migrate(database.pool);
    await database.close();
    await client.query(`ALTER DATABASE ${partial} RENAME TO ${name}`);
  });
  return name;
}

/** Drops what earlier runs left: databases of killed tests, templates of other migrations. */
export async function dropLeftovers(server: TestServer): Promise<void> {
  const template = await templateName();
  await administrate(server, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname ~ '^(test|template)_[0-9a-f]{16}' AND datname <> $1`,
      [template],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  });
}
