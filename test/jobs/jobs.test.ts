import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { createTestApp } from '../support/app.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

t.test('a job makes the artifact that the request would have made, for each image', async (t) => {
  const served = await createTestApp(t);
  const { services, send } = served;
  const ids = await uploadPictures(served, 5);
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  t.match(job, { state: 'queued', total: 5, queued: 5 });

  const { state, succeeded } = await ended(services, job.id);
  t.strictSame([state, succeeded], ['succeeded', 5]);
  const { items } = (await send('GET', `/jobs/${job.id}/items`)).json();
  t.strictSame(
    items.map(({ input }: { input: { id: string } }) => input.id),
    ids,
    'in the order of the request',
  );
  for (const [index, item] of items.entries()) {
    t.match(item, { state: 'succeeded', attempts: 1, is_new: true, problem: null });
    const direct = await send('POST', `/images/${ids[index]}/resize`, { width: 20 });
    t.equal(direct.statusCode, 200, 'it exists');
    t.equal(direct.json().id, item.artifact_id);
  }
  const shown = (await send('GET', `/jobs/${job.id}`)).json();
  t.match(shown, { state: 'succeeded', progress: { total: 5, done: 5, fraction: 1 }, result_url: null });
  t.match(await send('DELETE', `/jobs/${job.id}`), { statusCode: 204 });
  t.match(await send('GET', `/jobs/${job.id}`), { statusCode: 404 });
});

t.test('an item fails alone, with its problem', async (t) => {
  const served = await createTestApp(t);
  const { services, send } = served;
  const [first = '', second = ''] = await uploadPictures(served, 2);
  const missing = randomUUID();
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob([first, missing, second]));
  const { state, succeeded, failed } = await ended(services, job.id);
  t.strictSame([state, succeeded, failed], ['partly_failed', 2, 1]);
  const { items } = (await send('GET', `/jobs/${job.id}/items?state=failed`)).json();
  t.match(items, [{ position: 1, problem: { code: 'not_found', detail: `There is no image ${missing}.` } }]);

  t.match(await send('POST', `/jobs/${job.id}/cancel`), { statusCode: 409 });
  const again = await send('POST', `/jobs/${job.id}/retry`);
  t.match(again.json(), { progress: { total: 3, succeeded: 2 } });
  t.match(await ended(services, job.id), { state: 'partly_failed', succeeded: 2, failed: 1 });
  const retried = (await send('GET', `/jobs/${job.id}/items`)).json();
  t.strictSame(
    retried.items.map(({ attempts }: { attempts: number }) => attempts),
    [1, 2, 1],
  );
});
