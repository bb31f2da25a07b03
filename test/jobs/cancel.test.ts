import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { ENDLESS, noise } from '../safety/operations.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp } from '../support/app.ts';
import { observeRaces } from './races.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

const SETTINGS = { IMAGE_CONCURRENCY: '3', JOB_CONCURRENCY: '2' };

t.test('of a cancelled job, what is queued never starts, and what runs stops', async (t) => {
  const served = await createTestApp(t, SETTINGS);
  const { services, send, upload } = served;
  const small = await uploadPictures(served, 50);
  const large = await Promise.all([noise(2000, 1500), noise(2001, 1500)]);
  const uploaded = (await upload(...large.map((bytes) => ({ bytes })))).json();
  const slow = uploaded.results.map(({ image }: { image: { id: string } }) => image.id);
  const ids = [...slow, ...Array.from({ length: 500 }, (_, index) => small[index % 50] ?? '')];
  const changes = { operation: 'transform', parameters: ENDLESS };
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids, changes));
  const areRunning = async () => services.imageProcesses.stats().running === 2;
  t.ok(await eventually(areRunning, 20_000), 'two run');

  const start = performance.now();
  const answer = await send('POST', `/jobs/${job.id}/cancel`);
  t.match(answer.json(), { progress: { total: 502, queued: 0, cancelled: 500, succeeded: 0 } });
  t.match(await ended(services, job.id), { state: 'cancelled', cancelled: 502, succeeded: 0 });
  const ms = performance.now() - start;
  t.ok(ms < served.config.OPERATION_TIMEOUT_MS, `they have stopped after ${Math.round(ms)} ms`);
  t.ok(
    await eventually(() => services.imageProcesses.stats().running === 0),
    'their processes do nothing more',
  );
  const { rows } = await services.database.pool.query(
    'SELECT position, attempt FROM job_items WHERE job_id = $1 AND attempt > 0 ORDER BY position',
    [job.id],
  );
  t.strictSame(
    rows,
    [0, 1].map((position) => ({ position, attempt: 1 })),
    'no other one has started',
  );
  t.equal((await send('POST', `/jobs/${job.id}/cancel`)).statusCode, 200, 'once more changes nothing');
});

t.test('a job that is cancelled while it ends has one final state', async (t) => {
  const served = await createTestApp(t, SETTINGS);
  const imageIds = await uploadPictures(served, 1);
  const { store } = served.services.jobs;
  const report = await observeRaces({ store, imageIds, races: 100 });
  t.strictSame(report.faults, []);
  t.ok(
    report.succeeded > 0 && report.cancelled > 0,
    `${report.succeeded} succeeded, ${report.cancelled} were cancelled`,
  );
});
