import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import pLimit from 'p-limit';
import pg from 'pg';
import t, { type Test } from 'tap';
import { eventually, spawnServer, startServer } from './safety/processes.ts';
import { createEmptyDatabase, createTestDatabase } from './support/database.ts';
import { administrate, openTestServer } from './support/database-server.ts';
import { makeReachableFolder } from './support/folders.ts';
import { allowedMs } from './support/time.ts';

const isRoot = process.getuid?.() === 0;
/** An ordinary user of the system. */
const NOBODY = 65_534;

/** After this, a start counts as hanging. */
const LONGEST_MS = 30_000;

/** The test runner's hooks write files, which an ordinary user may not. */
const AS_ORDINARY_USER = ['env', '-u', 'NODE_OPTIONS', process.execPath, 'src/server.ts'] as const;

/** A start that must fail: its settings, and what the message says. */
interface BadStart {
  name: string;
  settings: Record<string, string>;
  says: RegExp;
  /** Runs it as an ordinary user. */
  unprivileged?: boolean;
}

async function query(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The URL with another user, password or database. */
function change(url: string, changes: Partial<Record<'username' | 'password' | 'pathname', string>>): string {
  return Object.assign(new URL(url), changes).toString();
}

/** A role that may log in and nothing else. */
async function createRole(t: Test, url: string, grants: (role: string) => string[]): Promise<string> {
  const role = `role_${path.basename(new URL(url).pathname)}`;
  const server = await openTestServer();
  await administrate(server, (client) => client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pass'`));
  await query(url, ...grants(role));
  t.teardown(async () => {
    await query(url, `DROP OWNED BY ${role}`).catch(() => undefined);
    await administrate(server, (client) => client.query(`DROP ROLE IF EXISTS ${role}`));
    await server.close();
  });
  return change(url, { username: role, password: 'pass' });
}

/** A data folder whose embedded database has been started and stopped once. */
async function makeDataFolder(t: Test): Promise<string> {
  const folder = await makeReachableFolder(t);
  const server = await startServer(t, { DATA_DIR: folder });
  server.child.kill('SIGTERM');
  await server.ended;
  return folder;
}

async function badSettings(t: Test): Promise<BadStart[]> {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const { url } = await createTestDatabase(t);
  const working = { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) };
  return [
    { name: 'a port that is not a number', settings: { PORT: 'x' }, says: /for PORT/ },
    { name: 'a port in use', settings: { ...working, PORT: String(port) }, says: /Choose another .* PORT/ },
    {
      name: 'a host of another machine',
      settings: { ...working, HOST: '203.0.113.1', ALLOW_UNAUTHENTICATED: 'true' },
      says: /203\.0\.113\.1.*HOST/,
    },
    {
      name: 'a host that does not exist',
      settings: { ...working, HOST: 'no.such.host.invalid', ALLOW_UNAUTHENTICATED: 'true' },
      says: /no\.such\.host\.invalid.*HOST/,
    },
    {
      name: 'a misspelt setting',
      settings: { MAX_DECODE_BYTE: '1' },
      says: /MAX_DECODE_BYTE .* MAX_DECODE_BYTES/,
    },
    {
      name: 'a setting in lower case',
      settings: { database_url: 'x' },
      says: /database_url .* DATABASE_URL/,
    },
    { name: 'letters that changed places', settings: { DATA_DRI: '/tmp' }, says: /DATA_DRI .* DATA_DIR/ },
  ];
}

/** Each would leave the service open, or would not do what it was set for. */
async function unsafeSettings(): Promise<BadStart[]> {
  const SECRET = randomBytes(32).toString('base64');
  const other = randomBytes(32).toString('base64url');
  const ADMIN = { ADMIN_EMAIL: 'ada@example.org', ADMIN_PASSWORD: 's3cret-tram-kitchen-64' };
  const required = { AUTH_MODE: 'required' };
  const on = { ...required, SECRET };
  const open = { HOST: '0.0.0.0' };
  const off = { AUTH_MODE: 'disabled' };
  const start = (name: string, settings: Record<string, string>, says: RegExp): BadStart => ({
    name,
    settings,
    says,
  });
  return [
    start(
      'no authentication on all addresses',
      { ...open, ...off },
      /HOST=0\.0\.0\.0.*ALLOW_UNAUTHENTICATED/,
    ),
    start(
      'no authentication behind a name',
      { PUBLIC_URL: 'https://images.example.org', ...off },
      /PUBLIC_URL=/,
    ),
    start('no authentication for another host', { ALLOWED_HOSTS: 'api', ...off }, /ALLOWED_HOSTS=api/),
    start('no authentication behind a proxy', { TRUSTED_PROXIES: '10.0.0.7', ...off }, /TRUSTED_PROXIES=10/),
    start('no authentication for any page', { CORS_ORIGINS: '*', ...off }, /CORS_ORIGINS=\*/),
    start('a mode that does not exist', { AUTH_MODE: 'none' }, /required, disabled for AUTH_MODE/),
    start('both modes', { ...on, ALLOW_UNAUTHENTICATED: 'true' }, /contradict/),
    start(
      'neither mode',
      { ...open, SECRET, ALLOW_UNAUTHENTICATED: 'true' },
      /SECRET.*Decide with AUTH_MODE/,
    ),
    start('no secret', required, /SECRET is not set.*openssl/),
    start('an empty secret', { ...required, SECRET: ' ' }, /SECRET is not set.*openssl/),
    start('no secret on all addresses', open, /SECRET is not set.*HOST=0\.0\.0\.0.*openssl/),
    start('a short secret', { ...required, SECRET: 's3cret' }, /SECRET has 6 characters.*openssl/),
    start('a secret of one letter', { ...required, SECRET: 'x'.repeat(64) }, /SECRET is not random.*openssl/),
    start(
      'an example as secret',
      { ...required, SECRET: 'changeme-changeme-s3cret-changeme-42' },
      /SECRET is an example.*openssl/,
    ),
    start('a short secret that is not used', { SECRET: 's3cret' }, /SECRET has 6 characters.*openssl/),
    start(
      'a short previous secret',
      { ...on, PREVIOUS_SECRETS: `${other},s3cret` },
      /PREVIOUS_SECRETS \(number 2\) has 6 characters.*openssl/,
    ),
    start('previous secrets alone', { PREVIOUS_SECRETS: other }, /SECRET is not.*openssl/),
    start(
      'an administrator without a password',
      { ...on, ADMIN_EMAIL: ADMIN.ADMIN_EMAIL },
      /ADMIN_PASSWORD is not/,
    ),
    start(
      'a password without an administrator',
      { ...on, ADMIN_PASSWORD: ADMIN.ADMIN_PASSWORD },
      /ADMIN_EMAIL is not/,
    ),
    start(
      'an administrator without an address',
      { ...on, ...ADMIN, ADMIN_EMAIL: 's3cret' },
      /ADMIN_EMAIL is not an/,
    ),
    start(
      'a weak password',
      { ...on, ...ADMIN, ADMIN_PASSWORD: 's3cret' },
      /12 to 256 characters for ADMIN_PASSWORD/,
    ),
    start(
      'a common password',
      { ...on, ...ADMIN, ADMIN_PASSWORD: 's3crets3crets3cret' },
      /guess for ADMIN_PASSWORD/,
    ),
    start('a password that is the secret', { ...on, ...ADMIN, ADMIN_PASSWORD: SECRET }, /are the same/),
    ...['true', '*', 'all'].map((value) =>
      start(
        `TRUSTED_PROXIES=${value}`,
        { TRUSTED_PROXIES: value },
        /TRUSTED_PROXIES: ".+" would believe every client/,
      ),
    ),
    ...['0.0.0.0/0', '::/0', '127.0.0.1/1'].map((value) =>
      start(
        `TRUSTED_PROXIES=${value}`,
        { TRUSTED_PROXIES: value },
        /TRUSTED_PROXIES: ".+" is so large a network/,
      ),
    ),
    start('a proxy that is not an address', { TRUSTED_PROXIES: 'nginx' }, /TRUSTED_PROXIES: "nginx" is not/),
    start('another name for the proxies', { TRUST_PROXY: 'true' }, /TRUST_PROXY .* TRUSTED_PROXIES/),
    start(
      'a password in the address',
      { PUBLIC_URL: 'https://x:s3cret@localhost' },
      /PUBLIC_URL contains .* password/,
    ),
  ];
}

async function badDatabases(t: Test): Promise<BadStart[]> {
  const DATA_DIR = await makeReachableFolder(t);
  const start = (name: string, DATABASE_URL: string, says: RegExp): BadStart => ({
    name,
    settings: { DATABASE_URL, DATA_DIR },
    says,
  });
  const { url } = await createTestDatabase(t);
  const [readOnly, unfinished, newer, changed] = (await Promise.all(
    Array.from({ length: 4 }, async () => (await createTestDatabase(t)).url),
  )) as [string, string, string, string];
  const empty = (await createEmptyDatabase(t)).url;
  await query(unfinished, 'UPDATE _prisma_migrations SET finished_at = NULL');
  await query(
    newer,
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '9999_future', now())",
  );
  await query(changed, "UPDATE _prisma_migrations SET checksum = 'x'");
  const server = await openTestServer();
  t.teardown(() => server.close());
  const ascii = `ascii_${process.pid}`;
  await administrate(server, (client) =>
    client.query(`CREATE DATABASE ${ascii} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`),
  );
  t.teardown(() =>
    administrate(server, (client) => client.query(`DROP DATABASE IF EXISTS ${ascii} WITH (FORCE)`)),
  );
  return [
    start('a URL that is not one', 'nonsense', /DATABASE_URL.*postgresql:\/\//),
    start('a URL of another kind', 'mysql://u:s3cret@localhost/x', /mysql:/),
    start('a URL without a host', 'postgresql://u:s3cret@:x/y', /DATABASE_URL/),
    start(
      'a server that is not there',
      'postgresql://u:s3cret@127.0.0.1:1/x',
      /127\.0\.0\.1:1.*ECONNREFUSED/,
    ),
    start(
      'a host that does not exist',
      'postgresql://u:s3cret@no.such.host.invalid/x',
      /no\.such\.host\.invalid/,
    ),
    start('a wrong password', change(url, { password: 's3cret' }), /password authentication failed/),
    start(
      'a database that does not exist',
      change(url, { pathname: '/nowhere' }),
      /"nowhere" does not exist/,
    ),
    start(
      'a role that may only read',
      await createRole(t, readOnly, (role) => [`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`]),
      /role_\w+ (has )?no permission/,
    ),
    start(
      'a role that may not create tables',
      await createRole(t, empty, () => []),
      /role_\w+ (has )?no permission/,
    ),
    start(
      'a database that is read-only',
      `${url}${url.includes('?') ? '&' : '?'}options=-c%20default_transaction_read_only%3Don`,
      /read-only/,
    ),
    start('a migration that failed', unfinished, /failed earlier/),
    start('a database of a newer version', newer, /9999_future.*newer version/),
    start('a migration that was changed', changed, /different contents/),
    start('a database that is not UTF-8', change(url, { pathname: `/${ascii}` }), /SQL_ASCII.*UTF8/),
  ];
}

async function badFolders(t: Test): Promise<BadStart[]> {
  const { url: DATABASE_URL } = await createTestDatabase(t);
  const folder = await makeReachableFolder(t);
  const file = path.join(folder, 'file');
  await writeFile(file, 'x');
  const closed = path.join(folder, 'closed');
  await mkdir(closed, { mode: 0o500 });
  const withFile = path.join(folder, 'with-file');
  await mkdir(withFile);
  await writeFile(path.join(withFile, 'cache'), 'x');
  const open = path.join(folder, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  const cases: BadStart[] = [
    { name: 'a data folder that is a file', settings: { DATA_DIR: file }, says: /DATA_DIR/ },
    { name: 'a data folder below a file', settings: { DATA_DIR: path.join(file, 'x') }, says: /DATA_DIR/ },
    { name: 'a cache that is a file', settings: { DATABASE_URL, DATA_DIR: withFile }, says: /DATA_DIR/ },
    { name: 'a data folder in /proc', settings: { DATA_DIR: '/proc/x' }, says: /\/proc\/x.*DATA_DIR/ },
    {
      name: 'a cache in /proc',
      settings: { DATABASE_URL, DATA_DIR: '/proc/x' },
      says: /\/proc\/x.*DATA_DIR/,
    },
    {
      name: 'a temporary folder in /proc',
      settings: { DATABASE_URL, DATA_DIR: open, TEMP_JSON_DIR: '/proc/x' },
      says: /\/proc\/x.*TEMP_JSON_DIR/,
    },
    {
      name: 'a temporary folder that is a file',
      settings: { DATABASE_URL, DATA_DIR: open, TEMP_IMAGE_DIR: file },
      says: /TEMP_IMAGE_DIR/,
    },
  ];
  if (isRoot) {
    await chown(closed, NOBODY, NOBODY);
    const unprivileged = true;
    cases.push(
      {
        name: 'a closed data folder',
        settings: { DATA_DIR: path.join(closed, 'x') },
        says: /DATA_DIR/,
        unprivileged,
      },
      {
        name: 'a closed temporary folder',
        settings: { DATA_DIR: open, TEMP_IMAGE_DIR: path.join(closed, 'x') },
        says: /TEMP_IMAGE_DIR/,
        unprivileged,
      },
      {
        name: 'a data folder that only root may enter',
        settings: { DATA_DIR: await rootsFolder(t) },
        says: /cannot enter/,
      },
    );
  }
  return cases;
}

async function rootsFolder(t: Test): Promise<string> {
  const folder = await makeReachableFolder(t);
  await chmod(folder, 0o700);
  return path.join(folder, 'data');
}

async function damagedData(t: Test): Promise<BadStart[]> {
  const damages: [name: string, says: RegExp, damage: (data: string) => Promise<unknown>][] = [
    [
      'data of another major version',
      /PostgreSQL 12/,
      (data) => writeFile(path.join(data, 'PG_VERSION'), '12\n'),
    ],
    [
      'data without its version',
      /does not contain PostgreSQL data/,
      (data) => rm(path.join(data, 'PG_VERSION')),
    ],
    [
      'data without its control file',
      /pg_control.*server\.log/,
      (data) => rm(path.join(data, 'global/pg_control')),
    ],
    [
      'a corrupt control file',
      /incompatible with server.*server\.log/,
      (data) => writeFile(path.join(data, 'global/pg_control'), Buffer.alloc(8192, 7)),
    ],
    [
      'data without its log',
      /checkpoint.*server\.log/,
      async (data) => {
        const files = await readdir(path.join(data, 'pg_wal'));
        for (const file of files) await rm(path.join(data, 'pg_wal', file), { recursive: true });
      },
    ],
    ['a folder that others may read', /permissions/, (data) => chmod(data, 0o777)],
    ['a lost password', /password/, (data) => rm(path.join(data, '../password'))],
    ['another password', /password/, (data) => writeFile(path.join(data, '../password'), 'other')],
    [
      'a lost database folder',
      /"postgres" does not exist.*server\.log/,
      (data) => rename(path.join(data, 'base'), path.join(data, 'away')),
    ],
  ];
  const source = await makeDataFolder(t);
  const limit = pLimit(1);
  return Promise.all(
    damages.map(([name, says, damage]) =>
      limit(async () => {
        const folder = await makeReachableFolder(t);
        await cp(source, folder, { recursive: true });
        const { uid, gid } = await stat(path.join(source, 'postgres/data'));
        await chownAll(path.join(folder, 'postgres'), uid, gid);
        await damage(path.join(folder, 'postgres/data'));
        return { name, settings: { DATA_DIR: folder }, says };
      }),
    ),
  );
}

async function chownAll(folder: string, uid: number, gid: number): Promise<void> {
  await chown(folder, uid, gid);
  for (const entry of await readdir(folder, { recursive: true }))
    await chown(path.join(folder, entry), uid, gid);
}

for (const [kind, cases] of Object.entries({
  badSettings,
  unsafeSettings,
  badDatabases,
  badFolders,
  damagedData,
})) {
  t.test(`${kind}: each start ends with one sentence`, async (t) => {
    const limit = pLimit(2);
    await Promise.all(
      (await cases(t)).map(({ name, settings, says, unprivileged }) =>
        limit(async () => {
          const startedAt = performance.now();
          const server = unprivileged
            ? spawnServer(t, settings, AS_ORDINARY_USER, NOBODY)
            : spawnServer(t, settings);
          const code = await Promise.race([server.ended, sleep(LONGEST_MS, 'it still runs')]);
          server.child.kill('SIGKILL');
          const ms = performance.now() - startedAt;
          const output = server.output().trim();
          t.comment(`${name} (${Math.round(ms)} ms): ${output.slice(0, 600)}`);
          t.equal(code, 1, `${name}: exit code`);
          t.match(output, says, `${name}: ${output}`);
          t.match(output, /^Coreframe cannot start\./, `${name}: says what is the matter`);
          t.equal(server.errors().trim(), output, `${name}: on standard error alone`);
          t.notMatch(output, /^\s+at /m, `${name}: no stack`);
          t.equal(output.split('\n').length, 1, `${name}: one line`);
          t.notMatch(output, /s3cret/, `${name}: no password`);
          if (settings.SECRET?.trim()) t.notOk(output.includes(settings.SECRET), `${name}: no secret`);
          t.ok(ms < allowedMs(5_000), `${name}: ${Math.round(ms)} ms`);
        }),
      ),
    );
  });
}

t.test('the settings file of the Python service works as it stands', async (t) => {
  const { url } = await createTestDatabase(t);
  const folder = await makeReachableFolder(t);
  const lines = `
# Database configuration
DATABASE_URL=postgresql+asyncpg${url.slice(url.indexOf(':'))}

# Directory paths
TEMP_IMAGE_DIR=temp_images
TEMP_JSON_DIR=temp_jsons
`;
  await startServer(t, { ...parseEnv(lines), DATA_DIR: folder });
  t.strictSame((await readdir(folder)).sort(), ['cache', 'temp_images', 'temp_jsons']);
});

const hasTerminals = spawnSync('script', ['--version']).status === 0;
const needsTerminals = hasTerminals ? {} : { skip: 'needs the command `script`' };

/** Starts the service on a terminal of its own. */
async function startOnTerminal(t: Test, extra: Record<string, string> = {}) {
  const { url } = await createTestDatabase(t);
  const settings = { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t), SHELL: '/bin/sh', ...extra };
  const command = `exec ${process.execPath} src/server.ts`;
  const server = spawnServer(t, settings, [
    'script',
    '--quiet',
    '--flush',
    '--command',
    command,
    '/dev/null',
  ]);
  t.ok(await eventually(() => server.output().includes('The log follows'), 30_000));
  return { server, text: server.output().replaceAll('\r', '') };
}

t.test('on a terminal, the first lines are for a person', needsTerminals, async (t) => {
  const { server, text } = await startOnTerminal(t);
  t.match(
    text,
    /^\nCoreframe [\d.]+ is ready\.\n\n {2}Docs {2}http:\/\/127\.0\.0\.1:\d+\/docs\n {2}Data {2}in the PostgreSQL of/,
  );
  t.match(text, /\n\nNobody has to log in\. The log follows/);
  t.notMatch(text, /^\{/m, 'no JSON before the first request');
  const [, docs = ''] = /Docs {2}(\S+)/.exec(text) ?? [];
  t.equal((await fetch(docs)).status, 200);
  t.ok(await eventually(() => /^\{.*"path":"\/docs/m.test(server.output())), 'then the log');
  server.child.kill('SIGKILL');
});

t.test('on a terminal, the command that creates the first administrator works', needsTerminals, async (t) => {
  const SECRET = randomBytes(32).toString('base64');
  const { server, text } = await startOnTerminal(t, { AUTH_MODE: 'required', SECRET });
  t.notMatch(text, /Nobody has to log in/);
  const [, command = ''] = /\n\n( {2}curl .+?)\n\n/s.exec(text) ?? [];
  const filled = command
    .replace('"email": "…"', '"email": "ada@example.org"')
    .replace('"password": "…"', '"password": "purple-tram-kitchen-64"');
  const run = () => spawnSync('bash', ['-c', `${filled} -sS`], { encoding: 'utf8' }).stdout;
  t.match(JSON.parse(run()), { email: 'ada@example.org', role: 'admin' });
  t.match(JSON.parse(run()), { status: 409, code: 'already_set_up' });
  t.equal(server.output().match(/cfs_/g)?.length, 1, 'the token is printed once');
  server.child.kill('SIGKILL');
});
