import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { followJob, followJobs } from '../../src/jobs/events/follow-jobs.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp } from '../support/app.ts';
import { readEvents } from './event-reader.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

t.test('a job is followed to its end', async (t) => {
  const served = await createTestApp(t);
  const { app, services } = served;
  const address = await app.listen({ port: 0 });
  const ids = await uploadPictures(served, 40);
  const all = await readEvents(t, `${address}/job-events`);
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  const one = await readEvents(t, `${address}/jobs/${job.id}/events`);
  t.equal(one.status, 200);
  t.match(Object.fromEntries(one.headers), {
    'content-type': 'text/event-stream',
    'cache-control': 'private, no-cache, no-transform',
    'x-accel-buffering': 'no',
  });

  const end = await one.until(({ event }) => event === 'end');
  t.match(end.data, { id: job.id, state: 'succeeded', progress: { done: 40, total: 40 } });
  t.ok(await eventually(one.hasEnded), 'the stream ends');
  const versions = one.events.map(({ data: { version } }) => version);
  t.strictSame(
    versions,
    versions.toSorted((a, b) => a - b),
    'versions rise',
  );
  t.equal(new Set(versions).size, versions.length, 'each once');
  t.strictSame(
    one.events.slice(0, -1).every(({ event }) => event === 'job'),
    true,
  );
  t.equal(end.id, String(end.data.version));

  await all.until(({ event, data }) => event === 'end' && data.id === job.id);
  t.notOk(all.hasEnded());

  t.test('whoever connects again after the end need not do so once more', async (t) => {
    const url = `${address}/jobs/${job.id}/events`;
    t.equal((await fetch(url, { headers: { 'last-event-id': end.id } })).status, 204);
    const late = await readEvents(t, url, { 'last-event-id': String(end.data.version - 1) });
    t.match(await late.until(({ event }) => event === 'end'), { id: end.id });
    t.equal((await fetch(url, { method: 'HEAD' })).headers.get('content-type'), 'text/event-stream');
  });

  t.test('whoever was away learns what has ended meanwhile', async (t) => {
    all.close();
    const last = all.events.at(-1)?.id ?? '';
    const { job: second } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids.slice(0, 2)));
    await ended(services, second.id);
    const again = await readEvents(t, `${address}/job-events`, { 'last-event-id': last });
    t.match(await again.until(({ data }) => data.id === second.id), { event: 'end' });
    const fresh = await readEvents(t, `${address}/job-events`, { 'last-event-id': 'nonsense' });
    const { job: third } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids.slice(0, 1)));
    await fresh.until(({ event, data }) => event === 'end' && data.id === third.id);
    t.notOk(fresh.events.some(({ data }) => data.id === second.id));
  });
});

t.test('the end of a deleted job is told, and other jobs are not found', async (t) => {
  const served = await createTestApp(t, { JOB_CONCURRENCY: '0' });
  const { app, services } = served;
  const address = await app.listen({ port: 0 });
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(await uploadPictures(served, 1)));
  const reader = await readEvents(t, `${address}/jobs/${job.id}/events`);
  await reader.until(({ data }) => data.state === 'queued');
  await services.jobs.store.deleteAnyway(LOCAL_OWNER, job.id);
  t.match(await reader.until(({ event }) => event === 'deleted'), { data: { id: job.id } });
  t.ok(await eventually(reader.hasEnded));
  t.equal((await fetch(`${address}/jobs/${job.id}/events`)).status, 404);
});

t.test('a user has only so many streams, and a stop ends them', async (t) => {
  const served = await createTestApp(t, { EVENT_STREAMS: '2' });
  const { app } = served;
  const address = await app.listen({ port: 0 });
  const first = await readEvents(t, `${address}/job-events`);
  const second = await readEvents(t, `${address}/job-events`);
  const refused = await fetch(`${address}/job-events`);
  t.equal(refused.status, 429);
  t.match(await refused.json(), { code: 'too_many_streams' });
  t.ok(refused.headers.has('retry-after'));
  first.close();
  const again = async () => (await fetch(`${address}/job-events`, { method: 'HEAD' })).status === 200;
  t.ok(await again(), 'HEAD takes no place');
  let third: Awaited<ReturnType<typeof readEvents>> | undefined;
  t.ok(
    await eventually(async () => {
      third = await readEvents(t, `${address}/job-events`);
      return third.status === 200;
    }),
    'a closed stream gives its place back',
  );
  await app.close();
  t.ok(await eventually(() => second.hasEnded() && third?.hasEnded() === true));
});

t.test('a reader that is slow gets the latest snapshot and not each one', async (t) => {
  const served = await createTestApp(t);
  const { services } = served;
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(await uploadPictures(served, 10)));
  const never = new AbortController().signal;
  const snapshots = followJob(services.jobs, LOCAL_OWNER, job.id, never);
  await snapshots.next();
  const { version } = await ended(services, job.id);
  const { value } = await snapshots.next();
  t.match(value, { state: 'succeeded', version });
  t.strictSame(await snapshots.next(), { done: true, value: undefined });
});

t.test(
  'whoever leaves between the ends of several jobs gets the others later, and learns of deletions',
  async (t) => {
    const { services } = await createTestApp(t, { JOB_CONCURRENCY: '0' });
    const { store } = services.jobs;
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      const { job } = await store.create(LOCAL_OWNER, resizeJob([randomUUID()]));
      await store.cancel(LOCAL_OWNER, job.id);
      ids.push(job.id);
    }
    // Long before the client connects again, so that an overlap of seconds does not help.
    await services.database.pool.query("UPDATE jobs SET ended_at = ended_at - interval '1 hour'");
    const leave = new AbortController();
    const follow = (since: Date) => followJobs(services.jobs, LOCAL_OWNER, since, leave.signal);
    const first = follow(new Date(Date.now() - 2 * 3_600_000));
    const { value: change } = await first.next();
    t.equal(change?.id, ids[0]);
    await first.return();

    const second = follow(change?.seenUntil ?? new Date());
    const seen: (string | undefined)[] = [];
    for (const _ of ids) seen.push((await second.next()).value?.id);
    t.strictSame(seen, ids);
    const next = second.next();
    await store.delete(LOCAL_OWNER, ids[1] ?? '');
    t.match((await next).value, { id: ids[1], job: undefined });
    leave.abort();
    t.match(await second.next(), { done: true });
  },
);
