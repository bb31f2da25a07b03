import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { allowedMs } from '../support/time.ts';
import { exchange, openConnection } from './connection.ts';
import { listen, newPicture, problemOf, uploadOver } from './listening.ts';
import { ENDLESS, noise, postJson, uploadId } from './operations.ts';
import { cpuSeconds, eventually, isAlive } from './processes.ts';

t.test('an AVIF encoder that takes too long is killed', async (t) => {
  const { port, services, temporaryFiles, works } = await listen(t, { OPERATION_TIMEOUT_MS: '1000' });
  const { imageProcesses } = services;
  const id = await uploadId(port, await noise(3000, 2000));
  const before = imageProcesses.stats().pids;
  const answer = await exchange(port, postJson(`/images/${id}/transform`, ENDLESS));
  t.equal(answer.status, 422);
  t.equal(problemOf(answer)?.code, 'operation_timeout');
  t.ok(answer.ms < allowedMs(1500), `${Math.round(answer.ms)} ms`);
  t.ok(await eventually(() => before.some((pid) => !isAlive(pid)), 500), 'its process is gone');
  await sleep(1000);
  const { pids } = imageProcesses.stats();
  const used = await cpuSeconds(pids);
  await sleep(500);
  t.ok((await cpuSeconds(pids)) - used < 0.1, 'the processors are idle 1 s later');
  t.strictSame(await temporaryFiles(), []);
  t.ok(await works());
  t.equal((await exchange(port, postJson(`/images/${id}/resize`, { width: 20 }))).status, 201);
});

t.test('an image process that dies fails its one request', async (t) => {
  const { port, services, temporaryFiles } = await listen(t, { IMAGE_CONCURRENCY: '2' });
  const { imageProcesses } = services;
  const id = await uploadId(port, await noise(1500, 1000));
  await eventually(() => imageProcesses.stats().pids.length === 2);
  for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const) {
    const failing = exchange(port, postJson(`/images/${id}/transform`, ENDLESS), { timeoutMs: 20_000 });
    t.ok(await eventually(() => imageProcesses.stats().running === 1));
    // A process that was replaced takes its time to start.
    await sleep(1500);
    const pids = imageProcesses.stats().pids;
    const loads = await Promise.all(pids.map(async (pid) => ({ pid, used: await cpuSeconds([pid]) })));
    await sleep(300);
    const busy = await Promise.all(
      loads.map(async ({ pid, used }) => ({ pid, grown: (await cpuSeconds([pid])) - used })),
    );
    const [victim] = busy.sort((a, b) => b.grown - a.grown);
    const other = exchange(
      port,
      postJson(`/images/${id}/transform`, {
        operations: [
          { op: 'resize', width: 700 },
          { op: 'blur', sigma: 4 + signal.length / 10 },
        ],
      }),
    );
    process.kill(victim?.pid ?? 0, signal);
    const answer = await failing;
    const code = signal === 'SIGKILL' ? 'operation_interrupted' : 'decoder_crashed';
    t.equal(problemOf(answer)?.code, code, `${signal}: ${answer.status}`);
    t.ok([200, 201].includes((await other).status), `${signal}: the request beside it succeeds`);
    t.equal(
      (await exchange(port, postJson(`/images/${id}/resize`, { width: 100 + signal.length }))).status < 300,
      true,
      `${signal}: the next one works`,
    );
    t.strictSame(await temporaryFiles(), [], `${signal}: temporary files are gone`);
  }
});

t.test('a client that goes away takes along what it has in the line', async (t) => {
  const { port, services } = await listen(t, { IMAGE_CONCURRENCY: '1', IMAGE_QUEUE: '10' });
  const { imageProcesses } = services;
  const id = await uploadId(port, await noise(1500, 1000));
  const running = await openConnection(port);
  running.write(postJson(`/images/${id}/transform`, ENDLESS));
  t.ok(await eventually(() => imageProcesses.stats().running === 1));
  const waiting = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const client = await openConnection(port);
      client.write(postJson(`/images/${id}/resize`, { width: 50 + index }));
      return client;
    }),
  );
  t.ok(await eventually(() => imageProcesses.stats().waiting === 5), 'five wait');
  for (const client of waiting) client.destroy();
  t.ok(await eventually(() => imageProcesses.stats().waiting === 0, 500), 'none waits');
  running.destroy();
  t.ok(await eventually(() => imageProcesses.stats().running === 0, 1500), 'none runs');
});

t.test('past the line the answer is 503, at once', async (t) => {
  const { port, services, works } = await listen(t, { IMAGE_CONCURRENCY: '1', IMAGE_QUEUE: '2' });
  const { imageProcesses } = services;
  const id = await uploadId(port, await noise(1500, 1000));
  const clients = await Promise.all([1, 2, 3].map(() => openConnection(port)));
  for (const [index, client] of clients.entries()) {
    client.write(
      postJson(`/images/${id}/transform`, { ...ENDLESS, output: { ...ENDLESS.output, quality: 80 + index } }),
    );
  }
  t.ok(
    await eventually(() => imageProcesses.stats().running + imageProcesses.stats().waiting === 3),
    'all places are taken',
  );
  const ready = await exchange(port, 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.equal(ready.status, 200, 'another client would be served');
  for (const [name, answer] of [
    ['a resize', await exchange(port, postJson(`/images/${id}/resize`, { width: 9 }))],
    ['an upload', await uploadOver(port, await newPicture())],
  ] as const) {
    t.equal(answer.status, 503, `${name}: ${answer.body}`);
    t.equal(problemOf(answer)?.code, 'overloaded');
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    t.ok(answer.ms < 300, `${name}: ${Math.round(answer.ms)} ms`);
  }
  for (const client of clients) client.destroy();
  t.ok(await eventually(() => imageProcesses.stats().running === 0, 3000));
  t.ok(await works(), 'and works on');
});
