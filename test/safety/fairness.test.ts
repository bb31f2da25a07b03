import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { exchange, openConnection, readAnswer } from './connection.ts';
import { head, type ListeningApp, listen, newPicture, problemOf, uploadInParts } from './listening.ts';
import { ENDLESS, noise, postJson, uploadId } from './operations.ts';
import { eventually } from './processes.ts';

const FROM_GREEDY = { 'x-forwarded-for': '203.0.113.1' };
const FROM_MODEST = { 'x-forwarded-for': '203.0.113.2' };
const FORM = { 'content-type': 'multipart/form-data; boundary=b' };

function upload(url: string, field: string, content: Buffer | string, headers: Record<string, string>) {
  const { start, opening, closing } = uploadInParts(content, url, field, headers);
  return [start, Buffer.concat([Buffer.from(opening), Buffer.from(content), Buffer.from(closing)])];
}

const LOG = `depth,col1,col2\n${Array.from({ length: 10 }, (_, row) => `${row},1,2`).join('\n')}\n`;

/** Takes the one place for image operations, with the first connection, and all places for waiting, with the same client. */
async function fill({ port, services }: ListeningApp, id: string, count: number): Promise<Socket[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => openConnection(port)));
  for (const [index, socket] of sockets.entries()) {
    const body = { ...ENDLESS, output: { ...ENDLESS.output, quality: 60 + index } };
    socket.write(postJson(`/images/${id}/transform`, body, FROM_GREEDY));
    // Requests that are sent at once may begin in any order.
    if (index === 0) await eventually(() => services.imageProcesses.stats().running === 1);
  }
  return sockets;
}

t.test('a client that fills the queue gives way to another one', async (t) => {
  const settings = { IMAGE_CONCURRENCY: '1', IMAGE_QUEUE: '3', TRUSTED_PROXIES: '127.0.0.1' };
  const app = await listen(t, settings);
  const { port } = app;
  const id = await uploadId(port, await noise(1500, 1000));
  const greedy = await fill(app, id, 4);
  const { imageProcesses } = app.services;
  t.ok(await eventually(() => imageProcesses.stats().waiting === 3));
  const [first, ...others] = greedy as [Socket, ...Socket[]];
  const refusals = others.map((socket) => readAnswer(socket, { timeoutMs: 30_000 }));
  const resize = exchange(port, postJson(`/images/${id}/resize`, { width: 9 }, FROM_MODEST), {
    timeoutMs: 30_000,
  });
  const refused = await Promise.race(refusals);
  t.equal(problemOf({ ...refused, ms: 0 })?.code, 'overloaded');
  t.match(refused.headers['retry-after'], /^\d+$/);
  first.destroy();
  t.equal((await resize).status, 201, 'next after what ran');
  for (const socket of greedy) socket.destroy();
  t.ok(await eventually(() => imageProcesses.stats().running === 0, 10_000));
});

t.test('X-Forwarded-For of anybody else is not believed', async (t) => {
  const app = await listen(t, { IMAGE_CONCURRENCY: '1', IMAGE_QUEUE: '3' });
  const { port, services } = app;
  const id = await uploadId(port, await noise(1500, 1000));
  const greedy = await fill(app, id, 4);
  t.ok(await eventually(() => services.imageProcesses.stats().waiting === 3));
  const answer = await exchange(port, postJson(`/images/${id}/resize`, { width: 9 }, FROM_MODEST));
  t.equal(answer.status, 503, 'it is the same client');
  for (const socket of greedy) socket.destroy();
  t.ok(await eventually(() => services.imageProcesses.stats().running === 0, 10_000));
});

t.test('uploads that send nothing but headers take no place', async (t) => {
  const { port } = await listen(t, { CSV_CONCURRENCY: '1', CSV_QUEUE: '0', UPLOAD_CONCURRENCY: '1' });
  const sockets = await Promise.all(Array.from({ length: 6 }, () => openConnection(port)));
  for (const [index, socket] of sockets.entries()) {
    socket.write(head('POST', index % 2 === 0 ? '/upload' : '/images', { ...FORM, 'content-length': 1e6 }));
  }
  await sleep(200);
  const log = await exchange(port, upload('/upload', 'file', LOG, {}));
  t.equal(log.status, 201, log.body.toString());
  const image = await exchange(port, upload('/images', 'files', await newPicture(), {}));
  t.equal(image.status, 201, image.body.toString());
  for (const socket of sockets) socket.destroy();
});

for (const { setting, places, url, field, content } of [
  { setting: 'UPLOAD_CONCURRENCY', places: 4, url: '/images', field: 'files', content: newPicture },
  { setting: 'UPLOAD_CONCURRENCY', places: 2, url: '/images', field: 'files', content: newPicture },
  { setting: 'CSV_CONCURRENCY', places: 3, url: '/upload', field: 'file', content: async () => LOG },
  { setting: 'CSV_CONCURRENCY', places: 2, url: '/upload', field: 'file', content: async () => LOG },
])
  t.test(`one client does not get all places for uploads (${setting}=${places})`, async (t) => {
    const settings = { [setting]: String(places), CSV_QUEUE: '0', TRUSTED_PROXIES: '127.0.0.0/8' };
    const { port } = await listen(t, settings);
    const opening = `--b\r\nContent-Disposition: form-data; name="${field}"; filename="a"\r\n\r\nxxxx`;
    const sockets = await Promise.all(Array.from({ length: places }, () => openConnection(port)));
    for (const socket of sockets) {
      socket.write(head('POST', url, { ...FORM, 'content-length': 1e6, ...FROM_GREEDY }) + opening);
    }
    const refused = await Promise.race(sockets.map((socket) => readAnswer(socket)));
    t.equal(problemOf({ ...refused, ms: 0 })?.code, 'overloaded', 'the last');
    const answer = await exchange(port, upload(url, field, await content(), FROM_MODEST));
    t.equal(answer.status, 201, answer.body.toString());
    for (const socket of sockets) socket.destroy();
  });

t.test('an upload that stops gives its place to one that waits', async (t) => {
  const { port } = await listen(t, { CSV_CONCURRENCY: '1' });
  const stalled = await openConnection(port);
  const [header = '', body = ''] = upload('/upload', 'file', LOG, {});
  stalled.write(header);
  stalled.write(body.slice(0, body.length - 20));
  await sleep(300);
  const answering = readAnswer(stalled, { timeoutMs: 30_000 });
  const log = await exchange(port, upload('/upload', 'file', `${LOG}11,1,2\n`, {}), { timeoutMs: 30_000 });
  t.equal(log.status, 201, log.body.toString());
  const answer = await answering;
  t.equal(answer.status, 408);
  stalled.destroy();
});
