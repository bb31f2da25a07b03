import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { openFleet } from './processes.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

t.test('items that kill their process fail, and their neighbours do not', async (t) => {
  const { app, start, inject } = await openFleet(t, { isFaulty: true });
  const { store } = app.services.jobs;
  const ids = await uploadPictures(app, 300);
  const deadly = [20, 21, 150];
  await inject({ deadly: deadly.map((position) => ids[position] ?? '') });
  const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));

  let deaths = 0;
  let isOver = false;
  /** Starts a process again and again, as a service manager does. */
  const keepRunning = async () => {
    while (!isOver) {
      const { ended: end, child } = start();
      const stop = setInterval(() => isOver && child.kill('SIGTERM'), 100);
      if ((await end) === 'SIGKILL') deaths += 1;
      clearInterval(stop);
    }
  };
  const processes = [keepRunning(), keepRunning()];
  const { state, succeeded, failed } = await ended(app.services, job.id, { timeoutMs: 120_000 }).finally(
    () => {
      isOver = true;
    },
  );
  await Promise.all(processes);
  t.strictSame([state, succeeded, failed], ['partly_failed', 297, 3]);
  const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 10, states: ['failed'] });
  t.strictSame(
    items.map(({ position, problem }) => [position, problem?.code]),
    deadly.map((position) => [position, 'worker_lost']),
  );
  t.ok(
    deaths <= 3 * 4,
    `${deaths} processes died: each item has killed one with or without neighbours, and three alone`,
  );
});
