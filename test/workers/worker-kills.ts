import { once } from 'node:events';
import path from 'node:path';
import { type KillReport, observeKills } from '../jobs/kills.ts';
import { listens } from '../jobs/processes.ts';
import { uploadPictures } from '../jobs/support.ts';
import { spawnServer } from '../safety/processes.ts';
import { createTestApp } from '../support/app.ts';
import { createTestDatabase, type Teardown } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { freePort, startBroker } from './rabbitmq.ts';
import { isReady, makeSecret, type WorkerProcess } from './worker-processes.ts';

interface WorkerKills {
  items: number;
  /** Of workers. */
  kills: number;
  apiKills: number;
  /** The last time, all that the broker has stored is deleted. */
  brokerKills: number;
}

/** The numbers of the kills of workers after which something else is killed, too: evenly spread, from `offset` on. */
const spread = (count: number, kills: number, offset: number) =>
  Array.from({ length: count }, (_, index) => Math.floor(((index + offset) * kills) / count));

async function kill({ child }: Pick<WorkerProcess, 'child'>): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Kills one of three workers at random, again and again, and now and then the API or the broker. */
export async function observeWorkerKills(
  t: Teardown,
  { items, kills, apiKills, brokerKills }: WorkerKills,
): Promise<KillReport & { artifacts: number }> {
  const broker = await startBroker(t);
  const { url } = await createTestDatabase(t);
  const [port, folder] = [await freePort(), await makeReachableFolder(t)];
  const settings = { DATABASE_URL: url, JOB_LEASE_SECONDS: '2', JOB_CONCURRENCY: '0' };
  // It works on nothing, and sends no permits.
  const app = await createTestApp(t, settings);
  const SECRET = makeSecret();
  const startApi = async () => {
    const api = spawnServer(t, {
      ...settings,
      PORT: String(port),
      QUEUE_URL: broker.url,
      SECRET,
      DATA_DIR: path.join(folder, 'api'),
    });
    await listens(api);
    return api;
  };
  let api = await startApi();
  const { key } = await app.services.auth.workers.create('worker of a test');
  const startWorker = async () => {
    const worker = spawnServer(
      t,
      {
        API_URL: `http://127.0.0.1:${port}`,
        WORKER_CREDENTIAL: key,
        QUEUE_URL: broker.url,
        WORKER_CONCURRENCY: '1',
        LOG_CONCURRENCY: '0',
        PORT: '0',
        DATA_DIR: path.join(folder, 'worker'),
      },
      [process.execPath, 'src/worker.ts'],
    );
    await isReady(worker);
    return { kill: () => kill(worker) };
  };
  const apiDies = spread(apiKills, kills, 0.25);
  const brokerDies = spread(brokerKills, kills, 0.5);
  const report = await observeKills({
    store: app.services.jobs.store,
    imageIds: await uploadPictures(app, items),
    kills,
    processes: 3,
    start: startWorker,
    disturb: async (number) => {
      if (apiDies.includes(number)) {
        await kill(api);
        api = await startApi();
      }
      if (brokerDies.includes(number)) {
        await broker.kill();
        if (number === brokerDies.at(-1)) await broker.wipe();
        await broker.start();
      }
    },
    readContent: async (id) => (await app.send('GET', `/artifacts/${id}/content`)).rawPayload,
  });
  const { rows } = await app.services.database.pool.query('SELECT FROM artifacts');
  return { ...report, artifacts: rows.length };
}
