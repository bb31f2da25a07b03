import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { allowedMs } from '../support/time.ts';
import { exchange, openConnection, readAnswer } from './connection.ts';
import { filesLeftIn, head, newPicture, uploadInParts, uploadOver } from './listening.ts';
import { jsonOf, noise, postJson, untilRunning, uploadId } from './operations.ts';
import { eventually, isAlive, startServer } from './processes.ts';

/** What an upload begins with, and the first bytes of its file. */
const UPLOAD_START = `${uploadInParts('').opening}some bytes`;

const isClosed = async (port: number) => {
  try {
    (await openConnection(port)).destroy();
    return false;
  } catch {
    return true;
  }
};

async function settingsFor(
  t: Parameters<typeof createTestDatabase>[0] & Parameters<typeof makeReachableFolder>[0],
) {
  const database = await createTestDatabase(t);
  return { DATABASE_URL: database.url, DATA_DIR: await makeReachableFolder(t) };
}

t.test('SIGTERM lets a running resize end, takes no more, and exits with 0', async (t) => {
  const settings = { ...(await settingsFor(t)), SHUTDOWN_GRACE_MS: '60000' };
  const server = await startServer(t, settings);
  const [firstLine = ''] = server.output().split('\n');
  t.match(firstLine, /\/docs/, 'the first line tells where the docs are');
  const id = await uploadId(server.port, await noise(900, 700));
  const idle = await openConnection(server.port);
  const running = exchange(server.port, head('GET', `/images/${id}/convert?format=avif&effort=3`), {
    timeoutMs: 30_000,
  });
  await untilRunning(server.port, 'images');
  server.child.kill('SIGTERM');
  t.ok(await eventually(() => isClosed(server.port), 2000), 'new connections are refused');
  server.child.kill('SIGTERM');
  const answer = await running;
  t.equal(
    answer.status,
    200,
    `what ran ends (${answer.error ?? answer.body.toString('latin1').slice(0, 200)})`,
  );
  t.ok(answer.isWhole);
  t.equal(await server.ended, 0, 'exit code, with a second SIGTERM in between');
  t.notMatch(server.output(), /too long/, 'a connection that was never used holds up nothing');
  idle.destroy();
  t.strictSame(await filesLeftIn(path.join(settings.DATA_DIR, 'temp_images')), []);
});

t.test('SIGTERM lets an upload end that is under way', async (t) => {
  const server = await startServer(t, { ...(await settingsFor(t)), SHUTDOWN_GRACE_MS: '60000' });
  const picture = await newPicture();
  const { start, opening, closing } = uploadInParts(picture);
  const socket = await openConnection(server.port);
  const answering = readAnswer(socket, { timeoutMs: 20_000 });
  socket.write(start);
  socket.write(opening);
  socket.write(picture.subarray(0, 10));
  await untilRunning(server.port, 'uploads');
  server.child.kill('SIGTERM');
  await sleep(500);
  socket.write(picture.subarray(10));
  socket.write(closing);
  const answer = await answering;
  t.equal(answer.status, 201, answer.body.toString());
  t.equal(await server.ended, 0);
  socket.destroy();
});

t.test('a client that breaks off its upload is no failure of the server', async (t) => {
  const server = await startServer(t, { ...(await settingsFor(t)), LOG_LEVEL: 'info' });
  const { opening } = uploadInParts('');
  const starts = ['', opening.slice(0, 20), opening, opening + 'x'.repeat(200_000)];
  // It may leave before anything is done for it, in the middle, and while it is waited for.
  const times = [0, 1, 2, 5, 10, 20, 100];
  for (const sent of [...starts, ...starts])
    for (const ms of times) {
      const socket = await openConnection(server.port);
      socket.write(
        head('POST', '/images', { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e6 }),
      );
      socket.write(sent);
      await sleep(ms);
      socket.resetAndDestroy();
    }
  const abandoned = () => server.output().match(/"client":"127.0.0.1".*abandoned/g)?.length ?? 0;
  // Many leave before their header has been read.
  t.ok(await eventually(() => abandoned() >= 2 * starts.length, 10_000), `${abandoned()} are logged`);
  t.notMatch(server.output(), /"level":"error"/);
});

t.test('what takes longer than the grace time is cut off', async (t) => {
  const settings = { ...(await settingsFor(t)), SHUTDOWN_GRACE_MS: '1000', LOG_LEVEL: 'info' };
  const server = await startServer(t, settings);
  const socket = await openConnection(server.port);
  socket.write(
    head('POST', '/images', { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e6 }) +
      UPLOAD_START,
  );
  await untilRunning(server.port, 'uploads');
  const start = performance.now();
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
  const ms = performance.now() - start;
  t.ok(ms > 800 && ms < allowedMs(4000), `${Math.round(ms)} ms`);
  t.match(server.output(), /too long/);
  socket.destroy();
});

t.test('killed with kill -9, it finds its database and its images again', async (t) => {
  const settings = { DATA_DIR: await makeReachableFolder(t), LOG_LEVEL: 'info' };
  const first = await startServer(t, settings);
  t.match(first.output().split('\n')[0], settings.DATA_DIR, 'the first line names the data folder');
  const id = await uploadId(first.port, await newPicture());
  const pidFile = path.join(settings.DATA_DIR, 'postgres', 'data', 'postmaster.pid');
  const postmaster = async () => Number((await readFile(pidFile, 'utf8')).split('\n')[0]);
  const orphan = await postmaster();
  // In the middle of an upload.
  const socket = await openConnection(first.port);
  socket.write(
    head('POST', '/images', { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e6 }) +
      UPLOAD_START,
  );
  await untilRunning(first.port, 'uploads');
  first.child.kill('SIGKILL');
  t.equal(await first.ended, 'SIGKILL');
  t.ok(isAlive(orphan), 'its PostgreSQL runs on');
  socket.destroy();

  // Two at once on the same data: both come up, and one PostgreSQL serves them.
  const servers = await Promise.all([startServer(t, settings), startServer(t, settings)]);
  t.equal(await postmaster(), orphan, 'the same PostgreSQL');
  t.strictSame(await filesLeftIn(path.join(settings.DATA_DIR, 'temp_images')), [], 'what it left is swept');
  for (const { port } of servers) {
    t.equal(jsonOf(await exchange(port, head('GET', `/images/${id}`))).id, id);
    t.equal((await uploadOver(port, await newPicture())).status, 201);
  }
  t.equal((await exchange(servers[0].port, postJson(`/images/${id}/resize`, { width: 5 }))).status, 201);
  servers[0].child.kill('SIGTERM');
  t.equal(await servers[0].ended, 0);
  t.ok(isAlive(orphan), 'PostgreSQL stays while one needs it');
  t.equal((await exchange(servers[1].port, head('GET', '/health/ready'))).status, 200);
  servers[1].child.kill('SIGTERM');
  t.equal(await servers[1].ended, 0);
  t.ok(await eventually(() => !isAlive(orphan)), 'and goes with the last');
});
