import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { exchange, openConnection, readAnswer } from './connection.ts';
import { head, listen, newPicture } from './listening.ts';
import { ENDLESS, jsonOf, noise, operationCounts, postJson, uploadId } from './operations.ts';
import { cpuSeconds, eventually, isAlive, startServer } from './processes.ts';

const TIMES = 50;
const times = <T>(make: (index: number) => T): T[] =>
  Array.from({ length: TIMES }, (_, index) => make(index));

t.test('50 equal requests in one process: one computation, one artifact, 50 equal answers', async (t) => {
  const { port } = await listen(t);
  const id = await uploadId(port, await noise(1500, 1000));
  const request = postJson(`/images/${id}/resize`, { width: 777 });
  const answers = await Promise.all(times(() => exchange(port, request)));
  t.ok(
    answers.every(({ status }) => status === 200 || status === 201),
    'all succeed',
  );
  t.ok(
    answers.some(({ status }) => status === 201),
    'it was made',
  );
  t.equal(new Set(answers.map(({ body }) => body.toString())).size, 1, 'equal answers');
  t.equal((await operationCounts(port))['resize ok'], 1, 'one computation');
  t.equal(
    jsonOf(await exchange(port, head('GET', `/images/${id}/artifacts`))).items.length,
    1,
    'one artifact',
  );
  const later = await exchange(port, request);
  t.equal(later.status, 200, 'found, later on');
  t.strictSame(jsonOf(later), jsonOf(answers[0] as never));
  const pictures = await Promise.all(
    times(() => exchange(port, head('GET', `/images/${id}/resize?width=777`))),
  );
  t.equal(new Set(pictures.map(({ body }) => body.toString('base64'))).size, 1, 'the same picture for all');
  t.equal((await operationCounts(port))['resize ok'], 1, 'still one computation');
});

t.test(
  '50 equal requests over two processes: one computation in each at the most, one artifact',
  async (t) => {
    const database = await createTestDatabase(t);
    const folders = [await makeReachableFolder(t), await makeReachableFolder(t)];
    const servers = await Promise.all(
      folders.map((folder) =>
        startServer(t, { DATABASE_URL: database.url, DATA_DIR: folder, LOG_LEVEL: 'info' }),
      ),
    );
    const ports = servers.map(({ port }) => port);
    const id = await uploadId(ports[0] as number, await noise(1500, 1000));
    const request = postJson(`/images/${id}/resize`, { width: 777 });
    const answers = await Promise.all(times((index) => exchange(ports[index % 2] as number, request)));
    t.ok(
      answers.every(({ status }) => status === 200 || status === 201),
      'all succeed',
    );
    t.equal(new Set(answers.map(({ body }) => body.toString())).size, 1, 'equal answers');
    for (const port of ports) {
      const count = (await operationCounts(port))['resize ok'] ?? 0;
      t.ok(count <= 1, `${count} computations`);
    }
    t.equal(
      jsonOf(await exchange(ports[0] as number, head('GET', `/images/${id}/artifacts`))).items.length,
      1,
    );
  },
);

t.test('equal uploads at the same moment are one image', async (t) => {
  const { port } = await listen(t);
  const picture = await newPicture();
  const ids = await Promise.all(times(() => uploadId(port, picture)));
  t.equal(new Set(ids).size, 1);
});

t.test('49 of 50 clients that leave stop nothing, the last one stops the computation', async (t) => {
  const { port, services, temporaryFiles } = await listen(t, { OPERATION_TIMEOUT_MS: '120000' });
  const { imageProcesses } = services;
  const id = await uploadId(port, await noise(1000, 800));
  // Long enough for 49 to leave while it runs.
  const slow = { operations: [], output: { format: 'avif', effort: 4, quality: 70 } };
  for (const [transform, stays] of [
    [slow, true],
    [ENDLESS, false],
  ] as const) {
    const before = imageProcesses.stats();
    const clients = await Promise.all(times(() => openConnection(port)));
    for (const client of clients) client.write(postJson(`/images/${id}/transform`, transform));
    t.ok(await eventually(() => imageProcesses.stats().running === 1), 'it runs, once');
    await sleep(300);
    const [last, ...others] = clients;
    for (const client of others) client.destroy();
    await sleep(500);
    t.match(imageProcesses.stats(), { running: 1, waiting: 0 }, 'it still runs');
    if (stays) {
      const answer = await readAnswer(last as never, { timeoutMs: 90_000 });
      t.equal(answer.status, 201, 'the last one has its answer');
      t.equal(imageProcesses.stats().restarts, before.restarts, 'no process was ended');
    } else {
      last?.destroy();
      t.ok(await eventually(() => imageProcesses.stats().running === 0, 1500), 'it is stopped');
      t.ok(await eventually(() => before.pids.some((pid) => !isAlive(pid)), 1000), 'its process is killed');
      await sleep(1000);
      const { pids } = imageProcesses.stats();
      const used = await cpuSeconds(pids);
      await sleep(500);
      t.ok((await cpuSeconds(pids)) - used < 0.1, 'the processors are idle');
      t.strictSame(await temporaryFiles(), []);
    }
    last?.destroy();
  }
  t.equal(
    (await exchange(port, postJson(`/images/${id}/resize`, { width: 20 }))).status,
    201,
    'and works on',
  );
});
