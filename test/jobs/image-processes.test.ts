import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { ENDLESS, noise } from '../safety/operations.ts';
import { cpuSeconds, eventually } from '../safety/processes.ts';
import { createTestApp } from '../support/app.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

/** More than an image process takes to start. */
const BUSY_S = 1.2;

t.test(
  'an item whose image process dies each time fails after three times, and nothing else does',
  async (t) => {
    const served = await createTestApp(t, { IMAGE_CONCURRENCY: '2', JOB_CONCURRENCY: '1' });
    const { services, upload } = served;
    const { store } = services.jobs;
    const small = await uploadPictures(served, 3);
    const uploaded = (await upload({ bytes: await noise(2000, 1500) })).json();
    const large: string = uploaded.results[0].image.id;
    for (const [signal, code] of [
      ['SIGKILL', 'worker_lost'],
      ['SIGSEGV', 'decoder_crashed'],
    ] as const) {
      const changes = { operation: 'transform', parameters: ENDLESS };
      const { job } = await store.create(LOCAL_OWNER, resizeJob([large], changes));
      const parameters = { width: signal.length };
      const { job: other } = await store.create(LOCAL_OWNER, resizeJob(small, { parameters }));
      const hasEnded = async () => (await store.get(LOCAL_OWNER, job.id)).endedAt !== null;
      let kills = 0;
      const killBusy = async () => {
        for (const pid of services.imageProcesses.stats().pids) {
          if ((await cpuSeconds([pid])) < BUSY_S) continue;
          process.kill(pid, signal);
          await eventually(() => !services.imageProcesses.stats().pids.includes(pid));
          kills += 1;
        }
        return hasEnded();
      };
      t.ok(await eventually(killBusy, 60_000), signal);
      t.ok(kills >= 3, `after ${kills} kills`);
      const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 1 });
      t.match(items, [{ state: 'failed', problem: { code } }]);
      t.ok((items[0]?.attempt ?? 0) >= 3);
      t.match(await ended(services, other.id), { state: 'succeeded', succeeded: 3 });
    }
  },
);
