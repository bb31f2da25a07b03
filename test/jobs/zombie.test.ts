import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { eventually } from '../safety/processes.ts';
import { listens, openFleet } from './processes.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

t.test('a process that was stopped for longer than its lease changes nothing any more', async (t) => {
  const { app, start, inject } = await openFleet(t, { isFaulty: true });
  const { store } = app.services.jobs;
  const ids = await uploadPictures(app, 1);
  const stopped = start();
  await listens(stopped);
  // Long enough to be stopped while it works; and nothing tells it that others have taken over before it stores its result.
  await inject({ delayMs: 1000, isSure: true });
  const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));
  const readItem = async () => (await store.items(LOCAL_OWNER, job.id, { limit: 1 })).items[0];
  t.ok(await eventually(async () => (await readItem())?.attempt === 1, 30_000), 'it has begun');
  stopped.child.kill('SIGSTOP');

  await inject({});
  const other = start();
  t.match(
    await ended(app.services, job.id),
    { state: 'succeeded', total: 1 },
    'another process has taken over',
  );
  const item = await readItem();
  t.equal(item?.state, 'succeeded');
  t.ok((item?.attempt ?? 0) > 1);
  const readArtifact = async () => (await app.send('GET', `/artifacts/${item?.artifactId}`)).json();
  const artifact = await readArtifact();
  const version = (await store.get(LOCAL_OWNER, job.id)).version;

  await inject({ isSure: true });
  stopped.child.kill('SIGCONT');
  const isRefused = () => stopped.output().includes('an attempt at an item came too late');
  t.ok(await eventually(isRefused, 15_000), 'the end of the first attempt is refused');
  t.strictSame(await readItem(), item);
  t.strictSame(await readArtifact(), artifact);
  t.equal((await store.get(LOCAL_OWNER, job.id)).version, version);
  t.equal((await app.send('GET', '/artifacts')).json().items.length, 1, 'there is one artifact');
  await listens(other);
  for (const { child } of [stopped, other]) child.kill('SIGTERM');
  t.strictSame(await Promise.all([stopped.ended, other.ended]), [0, 0]);
});
