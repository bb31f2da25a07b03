import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { eventually } from '../safety/processes.ts';
import { listens, openFleet } from './processes.ts';
import { resizeJob, uploadPictures } from './support.ts';

t.test('a process that is asked to stop finishes what runs, and leaves the rest to others', async (t) => {
  const { app, start, inject } = await openFleet(t, { isFaulty: true });
  const { store } = app.services.jobs;
  const ids = await uploadPictures(app, 6);
  const process = start();
  await listens(process);
  await inject({ delayMs: 2000 });
  const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));
  const areRunning = async () => (await store.get(LOCAL_OWNER, job.id)).running === 2;
  t.ok(await eventually(areRunning, 20_000), 'two run');
  process.child.kill('SIGTERM');
  t.equal(await process.ended, 0);
  t.match(await store.get(LOCAL_OWNER, job.id), { state: 'running', succeeded: 2, running: 0, queued: 4 });
  const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 6, states: ['queued'] });
  t.strictSame(
    items.map(({ attempt }) => attempt),
    [0, 0, 0, 0],
    'the others have not been started',
  );
});
