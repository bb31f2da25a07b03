import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { exchange, openConnection, readAnswer } from './connection.ts';
import { head, listen, newPicture, problemOf } from './listening.ts';
import { noise, uploadId } from './operations.ts';
import { eventually } from './processes.ts';

const IDLE_MS = 600;
const SETTINGS = { IDLE_TIMEOUT_MS: String(IDLE_MS) };
const BOUNDARY = 'boundary';
const OPENING = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n`;
const CLOSING = `\r\n--${BOUNDARY}--\r\n`;
const pictureHead = head('POST', '/images', { 'content-type': 'image/png', 'content-length': 10_000 });
const uploadHead = (length: number) =>
  head('POST', '/images', {
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    'content-length': length,
  });

t.test('a client that stops sending is told so with 408, and its temporary files go', async (t) => {
  const { port, temporaryFiles, works } = await listen(t, SETTINGS);
  const bodies: [name: string, body: string, head?: string][] = [
    ['nothing of the body', ''],
    ['a part of the header of a part', OPENING.slice(0, 30)],
    ['a part of a file', `${OPENING}some bytes of a file`],
    ['all but the last boundary', `${OPENING}some bytes of a file\r\n`],
    ['nothing of a picture', '', pictureHead],
    ['a part of a picture', 'some bytes of a file', pictureHead],
  ];
  await Promise.all(
    bodies.map(async ([name, body, start = uploadHead(10_000)]) => {
      const answer = await exchange(port, [start, body]);
      t.equal(answer.status, 408, `${name}: ${answer.status} ${answer.error ?? ''}`);
      t.equal(problemOf(answer)?.code, 'request_timeout', name);
      t.ok(answer.ms > IDLE_MS && answer.ms < IDLE_MS + 1500, `${name}: ${Math.round(answer.ms)} ms`);
    }),
  );
  const answer = await exchange(port, [
    head('POST', '/images', { 'content-type': 'application/json', 'content-length': 99 }),
    '{',
  ]);
  t.ok(answer.status === 408 || answer.status === 415, 'also one that sends JSON');
  t.ok(await eventually(async () => (await temporaryFiles()).length === 0, 3000), 'temporary files are gone');
  t.ok(await works());
});

t.test('headers that trickle are cut off', async (t) => {
  const { app, port } = await listen(t, SETTINGS);
  t.ok(app.server.headersTimeout > 0, 'there is a bound');
  const socket = await openConnection(port);
  const answering = readAnswer(socket, { timeoutMs: 60_000 });
  const start = performance.now();
  socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n');
  const trickle = setInterval(() => socket.write('x-a: b\r\n'), 100);
  const answer = await answering;
  clearInterval(trickle);
  socket.destroy();
  t.equal(answer.status, 408);
  t.equal(problemOf({ ...answer, ms: 0 })?.code, 'request_timeout');
  const ms = performance.now() - start;
  t.ok(ms < IDLE_MS + 2500, `after ${Math.round(ms)} ms`);
});

t.test('a client that connects and says nothing is let go', async (t) => {
  const { port } = await listen(t, SETTINGS);
  const socket = await openConnection(port);
  socket.resume();
  const start = performance.now();
  await Promise.race([once(socket, 'end'), sleep(10_000, undefined, { ref: false })]);
  const ms = performance.now() - start;
  t.ok(ms < IDLE_MS + 2500, `after ${Math.round(ms)} ms`);
  socket.destroy();
});

t.test('an upload that moves may take many times the limit', async (t) => {
  const { port } = await listen(t, { ...SETTINGS, MIN_TRANSFER_RATE: '10' });
  const body = Buffer.concat([Buffer.from(OPENING), await newPicture(), Buffer.from(CLOSING)]);
  const socket = await openConnection(port);
  const answering = readAnswer(socket, { timeoutMs: 20_000 });
  const start = performance.now();
  socket.write(uploadHead(body.length));
  const piece = Math.ceil(body.length / 16);
  for (let at = 0; at < body.length; at += piece) {
    await sleep(IDLE_MS / 3);
    socket.write(body.subarray(at, at + piece));
  }
  const answer = await answering;
  socket.destroy();
  t.equal(answer.status, 201, answer.body.toString().slice(0, 200));
  t.ok(performance.now() - start > 4 * IDLE_MS);
});

t.test('an upload below the least rate is cut off', async (t) => {
  const { port, temporaryFiles } = await listen(t, { ...SETTINGS, MIN_TRANSFER_RATE: '1000' });
  const socket = await openConnection(port);
  const answering = readAnswer(socket, { timeoutMs: 20_000 });
  socket.write(uploadHead(100_000) + OPENING);
  const trickle = setInterval(() => socket.write('x'), 100);
  const answer = await answering;
  clearInterval(trickle);
  socket.destroy();
  t.equal(answer.status, 408);
  t.ok(await eventually(async () => (await temporaryFiles()).length === 0, 3000));
});

t.test('a reader that stops is cut off; one that reads slowly gets all', async (t) => {
  const { port, app } = await listen(t, SETTINGS);
  const picture = await noise(5000, 4500);
  t.ok(picture.length > 8_000_000, `${picture.length} bytes`);
  const id = await uploadId(port, picture);
  const url = `/images/${id}/content`;

  const stopped = await openConnection(port);
  stopped.pause();
  stopped.write(head('GET', url));
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)));
  t.ok(await eventually(async () => (await connections()) === 1, 1000));
  t.ok(
    await eventually(async () => (await connections()) === 0, IDLE_MS + 3000),
    'the connection is given back',
  );
  stopped.destroy();

  const slow = await openConnection(port);
  let received = 0;
  const start = performance.now();
  slow.write(head('GET', url, { connection: 'close' }));
  slow.on('data', (chunk: Buffer) => {
    received += chunk.length;
    slow.pause();
    // Below what the system buffers between two looks, the server would see no movement at all.
    setTimeout(() => slow.resume(), 15);
  });
  await once(slow, 'end');
  slow.destroy();
  t.ok(received > picture.length, `${received} bytes`);
  const ms = performance.now() - start;
  t.ok(ms > 2 * IDLE_MS, `${Math.round(ms)} ms`);
});

t.test('an answer that the server takes long to make is no silence of the client', async (t) => {
  const { port, services } = await listen(t, SETTINGS);
  const id = await uploadId(port, await noise(1500, 1200));
  const answer = await exchange(port, head('GET', `/images/${id}/convert?format=avif&effort=3`), {
    timeoutMs: 30_000,
  });
  t.equal(answer.status, 200);
  t.ok(answer.ms > IDLE_MS, `${Math.round(answer.ms)} ms`);
  t.equal(services.imageProcesses.stats().restarts, 0);
});
