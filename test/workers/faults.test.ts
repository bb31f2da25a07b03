import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { Connection } from 'rabbitmq-client';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { queueName } from '../../src/jobs/broker/queues.ts';
import { ended, resizeJob, uploadPictures } from '../jobs/support.ts';
import { eventually, spawnServer } from '../safety/processes.ts';
import { OUTAGE_PICTURES, observeBrokerOutage } from './broker-outage.ts';
import { type Broker, NO_RABBITMQ, startBroker } from './rabbitmq.ts';
import { observeWorkerKills } from './worker-kills.ts';
import { isReady, openWorkers } from './worker-processes.ts';

const FAULTS = path.join(import.meta.dirname, 'worker-faults.ts');

let broker: Broker;

t.before(async () => {
  // The broker looks for consumers that do not answer every second, and waits three seconds for them.
  if (!NO_RABBITMQ)
    broker = await startBroker(t, { settings: '{consumer_timeout, 3000}, {channel_tick_interval, 1000}' });
});

t.test('nothing is lost when workers, the API and the broker die', { skip: NO_RABBITMQ }, async (t) => {
  const { wrong, succeeded, slowestMs, artifacts } = await observeWorkerKills(t, {
    items: 100,
    kills: 10,
    apiKills: 2,
    brokerKills: 2,
  });
  t.strictSame(wrong, []);
  t.equal(succeeded, 100);
  t.ok(
    slowestMs < 60_000,
    `what was begun was begun again ${Math.round(slowestMs)} ms after a kill at the latest`,
  );
  t.equal(artifacts, 100, 'each result is there once');
});

t.test(
  'items that kill the whole worker fail, and their neighbours do not',
  { skip: NO_RABBITMQ },
  async (t) => {
    const { app, start } = await openWorkers(t, broker.url);
    const { store } = app.services.jobs;
    const ids = await uploadPictures(app, 300);
    const positions = [20, 21, 150];
    const faults = JSON.stringify({ deadly: positions.map((position) => ids[position]) });
    const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));
    let isOver = false;
    let deaths = 0;
    const keepRunning = async () => {
      while (!isOver) {
        const { child, ended: end } = start({ FAULTS: faults, WORKER_CONCURRENCY: '4' }, [FAULTS]);
        const stop = setInterval(() => isOver && child.kill('SIGTERM'), 100);
        if ((await end) === 'SIGKILL') deaths += 1;
        clearInterval(stop);
      }
    };
    const running = keepRunning();
    const { state, succeeded, failed } = await ended(app.services, job.id, { timeoutMs: 200_000 }).finally(
      () => {
        isOver = true;
      },
    );
    await running;
    t.strictSame([state, succeeded, failed], ['partly_failed', 297, 3]);
    const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 10, states: ['failed'] });
    t.strictSame(
      items.map(({ position, problem }) => [position, problem?.code]),
      positions.map((position) => [position, 'worker_lost']),
    );
    t.ok(deaths <= 3 * 4, `${deaths} workers died`);
  },
);

t.test(
  'while the broker is away, jobs are accepted, and nothing is lost',
  { skip: NO_RABBITMQ },
  async (t) => {
    const fleet = await openWorkers(t, broker.url);
    await isReady(fleet.start());
    const ids = await uploadPictures(fleet.app, OUTAGE_PICTURES);
    const outage = await observeBrokerOutage(fleet, ids, broker, { jobs: 30, durationMs: 2_000 });
    t.strictSame(new Set(outage.statuses), new Set([202]));
    t.equal(outage.sent, 0, 'no permit counts as sent');
    t.match(outage.metrics, /coreframe_job_queue_connected 0/);
    t.equal(outage.readyStatus, 200, 'the API is ready all the same');
    t.equal(outage.succeeded, 30);
  },
);

t.test('a permit that no queue takes is sent again', { skip: NO_RABBITMQ }, async (t) => {
  const { app, start } = await openWorkers(t, broker.url);
  const connection = new Connection(broker.url);
  t.teardown(() => connection.close());
  const { relayed } = { relayed: () => app.services.database.pool.query('SELECT sent_at FROM work_permits') };
  const ids = await uploadPictures(app, 3);
  t.ok(
    await eventually(
      async () =>
        (await connection.queueDeclare({ queue: queueName('images'), passive: true })).messageCount >= 0,
      10_000,
    ),
  );
  await connection.queueDelete(queueName('images'));
  const { job } = await app.services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  t.ok(await eventually(async () => (await relayed()).rows.length === 3, 10_000), 'permits are made');
  await isReady(start());
  const { state } = await ended(app.services, job.id, { timeoutMs: 60_000 });
  t.equal(state, 'succeeded');
});

t.test(
  'work that takes longer than the broker waits for a consumer is done once',
  { skip: NO_RABBITMQ },
  async (t) => {
    const { app, start } = await openWorkers(t, broker.url, { JOB_LEASE_SECONDS: '20' });
    const worker = start({ FAULTS: JSON.stringify({ delayMs: 8_000 }) }, [FAULTS]);
    await isReady(worker);
    const ids = await uploadPictures(app, 4);
    const { job } = await app.services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
    const { state, succeeded } = await ended(app.services, job.id, { timeoutMs: 120_000 });
    t.strictSame([state, succeeded], ['succeeded', 4]);
    const { items } = await app.services.jobs.store.items(LOCAL_OWNER, job.id, { limit: 4 });
    t.strictSame(
      items.map(({ attempt }) => attempt),
      [1, 1, 1, 1],
    );
    t.match(
      worker.output(),
      /RabbitMQ cannot be reached|a permit was not valid any more/,
      'the broker has lost its patience',
    );
  },
);

t.test(
  'a worker holds no secret but its credential, and its image processes hold none',
  { skip: NO_RABBITMQ },
  async (t) => {
    const { app, start, credential } = await openWorkers(t, broker.url);
    const worker = start();
    await isReady(worker);
    const ids = await uploadPictures(app, 5);
    const { job } = await app.services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
    await ended(app.services, job.id, { timeoutMs: 60_000 });
    const [, address = ''] = /"address":"(http:[^"]+)"/.exec(worker.output()) ?? [];
    for (const path of ['live', 'ready']) t.equal((await fetch(`${address}/${path}`)).status, 200, path);
    t.match(
      await (await fetch(`${address}/metrics`)).text(),
      /coreframe_worker_attempt_seconds_count\{operation="resize",outcome="succeeded"\} 5\n/,
    );
    t.equal((await fetch(`${address}/images`)).status, 404, 'it serves nothing else');
    const { pid = 0 } = worker.child;
    const environment = (of: number | string) => readFile(`/proc/${of}/environ`, 'utf8');
    t.match(await environment(pid), credential);
    t.notMatch(await environment(pid), /(^|\0)(DATABASE_URL|SECRET)=/);
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
    t.ok(children.length >= 2 && children[0] !== '', children.join());
    for (const child of children) {
      const text = await environment(child);
      t.notMatch(text, /cfw_|amqp:|WORKER_CREDENTIAL|QUEUE_URL|API_URL|SECRET=/, 'nothing to log in with');
      t.notMatch(await readFile(`/proc/${child}/cmdline`, 'utf8'), /cfw_|eyJ/);
      t.strictSame(await connectionsOf(child), [], 'no connection');
    }
    const database = new URL(app.config.DATABASE_URL ?? '').port;
    const remotePorts = (await connectionsOf(pid)).map(String);
    t.ok(remotePorts.length > 0);
    t.notOk(remotePorts.includes(database), 'none to the database');
  },
);

/** The remote ports of the open TCP connections of a process. */
async function connectionsOf(pid: number | string): Promise<number[]> {
  const files = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
  const sockets = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '01' && sockets.has(inode ?? ''))
    .map(([, , remote = '']) => Number.parseInt(remote.split(':')[1] ?? '', 16));
}

t.test('a worker refuses to start with what it must not have, or without what it needs', async (t) => {
  const needed = {
    API_URL: 'http://127.0.0.1:1',
    WORKER_CREDENTIAL: `cfw_${'0'.repeat(49)}`,
    QUEUE_URL: 'amqp://127.0.0.1:1',
  };
  for (const [settings, says] of [
    [{ ...needed, DATABASE_URL: 'postgresql://x' }, /must not have DATABASE_URL/],
    [{ ...needed, SECRET: 'x' }, /must not have SECRET/],
    [{ ...needed, API_URL: '' }, /API_URL/],
    [{ ...needed, WORKER_CREDENTIAL: 'cfk_1' }, /WORKER_CREDENTIAL/],
    [{ ...needed, QUEUE_URL: 'http://x' }, /QUEUE_URL/],
    [{ ...needed, WORKER_CONCURENCY: '1' }, /did you mean WORKER_CONCURRENCY/],
  ] as const) {
    const { ended: end, errors } = spawnServer(t, settings, [process.execPath, 'src/worker.ts']);
    t.equal(await end, 1);
    t.match(errors(), says);
    t.notMatch(errors(), /\n {4}at /, 'one sentence');
  }
});
