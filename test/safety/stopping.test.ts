import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { exchange, openConnection, readAnswer } from './connection.ts';
import { head, newPicture, uploadInParts } from './listening.ts';
import { untilRunning, uploadId } from './operations.ts';
import { eventually, isAlive, type ServerProcess, spawnServer, startServer } from './processes.ts';

const LONG_GRACE = { SHUTDOWN_GRACE_MS: '60000' };

async function startWithDatabase(t: Test): Promise<ServerProcess> {
  const { url } = await createTestDatabase(t);
  return startServer(t, { ...LONG_GRACE, DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) });
}

/** Sends the beginning of an upload and waits until it runs. */
async function beginUpload(port: number) {
  const socket = await openConnection(port);
  const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e6 };
  const { opening } = uploadInParts('');
  socket.write(`${head('POST', '/images', headers)}${opening}some bytes`);
  await untilRunning(port, 'uploads');
  return socket;
}

t.test('every way to ask it to stop ends the server with 0', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const server = await startWithDatabase(t);
    server.child.kill(signal);
    t.equal(await server.ended, 0, signal);
  }
});

t.test(
  'a second Ctrl-C does not wait for running requests, but the first one that npm passes on does',
  async (t) => {
    const server = await startWithDatabase(t);
    const socket = await beginUpload(server.port);
    server.child.kill('SIGINT');
    await sleep(50);
    server.child.kill('SIGINT');
    await sleep(700);
    t.equal(server.child.exitCode, null, 'the request still runs');
    server.child.kill('SIGINT');
    t.equal(await server.ended, 0);
    socket.destroy();
  },
);

t.test('a connection is closed after the request that ran when the server stopped', async (t) => {
  const server = await startWithDatabase(t);
  const picture = await newPicture();
  const { start, opening, closing } = uploadInParts(picture, '/images', 'files', {
    connection: 'keep-alive',
  });
  const socket = await openConnection(server.port);
  const answering = readAnswer(socket, { timeoutMs: 20_000 });
  socket.write(start + opening);
  socket.write(picture.subarray(0, 10));
  await untilRunning(server.port, 'uploads');
  server.child.kill('SIGTERM');
  await sleep(200);
  socket.write(picture.subarray(10));
  socket.write(closing);
  const answer = await answering;
  t.equal(answer.status, 201, answer.body.toString());
  t.equal(answer.headers.connection, 'close');
  socket.destroy();
  t.equal(await server.ended, 0);
});

t.test('a start that is asked to stop leaves no PostgreSQL behind', async (t) => {
  const dataDir = await makeReachableFolder(t);
  const pidFile = path.join(dataDir, 'postgres', 'data', 'postmaster.pid');
  const settings = { DATA_DIR: dataDir };
  // The first start creates the database's files, so that the second one starts PostgreSQL at once.
  const first = await startServer(t, settings);
  first.child.kill('SIGTERM');
  t.equal(await first.ended, 0);
  const second = spawnServer(t, settings);
  const postmaster = async () => Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  t.ok(await eventually(async () => (await postmaster()) > 0, 30_000));
  const pid = await postmaster();
  second.child.kill('SIGTERM');
  t.equal(await second.ended, 0);
  t.ok(await eventually(() => !isAlive(pid)), 'PostgreSQL has ended');
});

t.test('the end of npm is the end of everything that it started', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const) {
    const dataDir = await makeReachableFolder(t);
    const server = await startServer(t, { ...LONG_GRACE, DATA_DIR: dataDir }, ['npm', 'start']);
    const id = await uploadId(server.port, await newPicture());
    const pidFile = path.join(dataDir, 'postgres', 'data', 'postmaster.pid');
    const postgres = Number((await readFile(pidFile, 'utf8')).split('\n')[0]);
    t.equal((await exchange(server.port, head('GET', `/images/${id}/resize?width=5`))).status, 200);
    server.child.kill(signal);
    const isSilent = async () =>
      !(await openConnection(server.port).then(
        (socket) => !!socket.destroy(),
        () => false,
      ));
    t.ok(await eventually(isSilent, 30_000), `${signal}: the server`);
    t.ok(await eventually(() => !isAlive(postgres), 30_000), `${signal}: PostgreSQL`);
  }
});
