import { execFile } from 'node:child_process';
import { copyFile, cp, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { startServer } from '../safety/processes.ts';
import { makeApiKey, REQUIRED_AUTHENTICATION } from '../support/credentials.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { CLIENTS, type Client, TOOLS } from './client.ts';
import { type ClientServer, runScenario } from './expected.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CLIENTS_FOLDER = path.join(ROOT, 'clients');

/** Where tools are looked for: those of the project first. */
const PATH = [
  path.join(ROOT, 'node_modules/.bin'),
  path.join(CLIENTS_FOLDER, 'node_modules/.bin'),
  ...(process.env.PYTHON ? [path.dirname(process.env.PYTHON)] : []),
  path.join(ROOT, '.venv/bin'),
  path.join(ROOT, '.tools/bin'),
  process.env.PATH,
].join(path.delimiter);

/** @throws Error with everything that the command has written, if it fails */
async function run(
  command: string,
  folder: string,
  parameters: readonly string[] = [],
  variables: Record<string, string> = {},
): Promise<string> {
  const env = { ...process.env, ...variables, PATH };
  const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 };
  try {
    // tap's hooks are not for the tools: TypeScript does not start with them.
    const shell = ['-euc', `unset NODE_OPTIONS; ${command} "$@"`, 'sh', ...parameters];
    return (await promisify(execFile)('sh', shell, options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command}\n${stdout}${stderr}`.slice(0, 20_000), { cause: error });
  }
}

/** Why the test of a client is to be skipped; false if its tools are there. In CI their lack is a failure instead. */
async function lackOf({ needs }: Client): Promise<string | false> {
  if (process.env.CI) return false;
  for (const tool of needs) {
    const { check, install } = TOOLS[tool];
    const isThere = await run(check, ROOT).then(
      () => true,
      () => false,
    );
    if (!isThere) return `needs ${tool} (${install})`;
  }
  return false;
}

/** The files of the scenario. */
async function makeFiles(t: Test): Promise<string> {
  const folder = t.testdir({ 'notes.txt': 'These are notes, not a picture.\n' });
  for (const name of ['photo.jpg', 'scan.png', 'image-log.csv'])
    await copyFile(path.join(ROOT, 'examples', name), path.join(folder, name));
  return folder;
}

async function startEmptyServer(t: Test): Promise<ClientServer> {
  const { url } = await createTestDatabase(t);
  const { port } = await startServer(t, {
    ...REQUIRED_AUTHENTICATION,
    DATABASE_URL: url,
    DATA_DIR: await makeReachableFolder(t),
  });
  const base = `http://127.0.0.1:${port}`;
  return { base, apiKey: await makeApiKey(base, { name: 'scenario', preset: 'read_write' }) };
}

/** A copy of the client's folder in a copy of `clients/`, with the document that a server serves. */
async function makeProject(t: Test, { name }: Client, base: string): Promise<string> {
  const parent = await makeReachableFolder(t);
  for (const shared of ['package.json', 'tsconfig.json'])
    await copyFile(path.join(CLIENTS_FOLDER, shared), path.join(parent, shared));
  await symlink(path.join(CLIENTS_FOLDER, 'node_modules'), path.join(parent, 'node_modules'));
  const folder = path.join(parent, name);
  await cp(path.join(CLIENTS_FOLDER, name), folder, { recursive: true, filter: isKept });
  await writeFile(path.join(folder, 'openapi.json'), await (await fetch(`${base}/openapi.json`)).bytes());
  return folder;
}

/** Not what someone has made in the folder by the commands of its README. */
const isKept = (file: string) =>
  !['generated', 'compiled', 'coreframe', 'target', 'openapi.json'].includes(path.basename(file));

/** Tests the clients in one language: what their programs print is what plain requests get. */
export async function testClients(t: Test, language: Client['language']): Promise<void> {
  const expected = await runScenario(await startEmptyServer(t), await makeFiles(t));
  t.match(expected, {
    upload: { statuses: ['created', 'created', 'failed'] },
    resize: { same: true },
    job: { state: 'succeeded', items: ['succeeded', 'succeeded'], same: true },
    validation: { status: 422 },
    missing: { status: 404 },
    unauthenticated: { status: 401, code: 'authentication_required' },
    deleted: true,
  });
  for (const client of CLIENTS.filter((client) => client.language === language))
    await t.test(client.name, { skip: await lackOf(client) }, async (t) =>
      t.strictSame(await runClient(t, client), expected),
    );
}

/**
 * Generates a client from the served document and compiles it with its program.
 *
 * @returns what the program prints. It has a server of its own, since it expects one without data
 */
async function runClient(t: Test, client: Client): Promise<object> {
  const { base, apiKey } = await startEmptyServer(t);
  const folder = await makeProject(t, client, base);
  for (const command of [...client.generate, ...client.compile]) await run(command, folder);
  const parameters = [base, await makeFiles(t)];
  return JSON.parse(await run(client.run, folder, parameters, { COREFRAME_API_KEY: apiKey }));
}
