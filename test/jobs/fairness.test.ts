import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER, type OwnerId } from '../../src/auth/owner.ts';
import { createTestApp } from '../support/app.ts';
import { allowedMs } from '../support/time.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

t.test('whoever has one item need not wait for the 10,000 of somebody else', async (t) => {
  const served = await createTestApp(t, { IMAGE_CONCURRENCY: '3', JOB_CONCURRENCY: '2' });
  const { services } = served;
  const { store } = services.jobs;
  const pictures = await uploadPictures(served, 10);
  const ids = Array.from({ length: 10_000 }, (_, index) => pictures[index % 10] ?? '');
  const { job: large } = await store.create(LOCAL_OWNER, resizeJob(ids));
  const { rows } = await services.database.pool.query<{ id: OwnerId }>(
    `INSERT INTO users (id, email, name, role) VALUES (gen_random_uuid(), 'b@example.org', 'b', 'user') RETURNING id`,
  );
  const owner = rows[0]?.id as OwnerId;
  const { job } = await store.create(owner, resizeJob([randomUUID()]));
  const { createdAt, startedAt } = await ended(services, job.id, { owner });
  const ms = Number(startedAt) - Number(createdAt);
  t.ok(ms < allowedMs(2000), `it has started after ${ms} ms`);
  const { queued } = await store.cancel(LOCAL_OWNER, large.id);
  t.equal(queued, 0);
  const { succeeded, cancelled } = await ended(services, large.id);
  t.ok(cancelled > 1000, `${succeeded} of the others had been done`);
});
