import { randomUUID } from 'node:crypto';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { createProtectedApp, makePicture } from '../http/access/tenant.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { ended, uploadPictures } from './support.ts';

/** Jobs stay queued. */
const IDLE = { JOB_CONCURRENCY: '0' };

/** Parameters with which each operation works. */
const PARAMETERS: Readonly<Record<string, object>> = {
  resize: { width: 20, format: 'webp' },
  crop: { left: 1, top: 2, width: 30, height: 20 },
  convert: { format: 'jpeg', quality: 70 },
  transform: { operations: [{ op: 'grayscale' }, { op: 'resize', height: 10 }], output: { format: 'png' } },
  histogram: { bins: 4 },
  segmentation: { method: 'threshold', value: 100 },
};

/** Requires that a request is refused at these places of its body. */
async function isRefused(
  t: Test,
  { send }: Pick<TestApp, 'send'>,
  body: object,
  ...paths: string[]
): Promise<void> {
  const answer = await send('POST', '/jobs', body);
  t.equal(answer.statusCode, 422, answer.body);
  const { errors = [] } = answer.json();
  t.strictSame(
    errors.map(({ location, path }: { location: string; path: string }) => `${location} ${path}`),
    paths.map((path) => `body ${path}`),
    answer.body,
  );
}

/** Its jobs do not start. */
let served: TestApp;

t.before(async () => {
  served = await createTestApp(t, IDLE);
});

t.test('every operation that makes an artifact of a picture', async (t) => {
  const served = await createTestApp(t);
  const { services, send } = served;
  const ids = await uploadPictures(served, 2);
  t.strictSame([...services.submissions.operations.keys()], Object.keys(PARAMETERS));
  for (const [operation, parameters] of Object.entries(PARAMETERS)) {
    const answer = await send('POST', '/jobs', { operation, parameters, image_ids: ids });
    t.equal(answer.statusCode, 201, answer.body);
    const job = answer.json();
    t.equal(answer.headers.location, `/jobs/${job.id}`);
    t.match(job, { operation, parameters, priority: 'normal', progress: { total: 2 } });
    t.match(await ended(services, job.id), { state: 'succeeded' }, operation);
    const { items } = (await send('GET', `/jobs/${job.id}/items`)).json();
    for (const [index, { artifact_id: made }] of items.entries()) {
      const direct = await send('POST', `/images/${ids[index]}/${operation}`, parameters);
      t.strictSame([direct.statusCode, direct.json().id], [200, made], `${operation}: the same artifact`);
    }
  }
});

t.test('the job has its parameters as they are after validation', async (t) => {
  const image_ids = await uploadPictures(served, 1);
  const parametersOf = async (body: object) =>
    (await served.send('POST', '/jobs', { ...body, image_ids })).json().parameters;
  t.match(await parametersOf({ operation: 'segmentation' }), { method: 'otsu', min_area: 1 });
  t.match(await parametersOf({ operation: 'segmentation', parameters: { min_area: 4 } }), {
    method: 'otsu',
    min_area: 4,
  });
  t.match(await parametersOf({ operation: 'histogram' }), { percentiles: [] });
  t.match(await parametersOf({ operation: 'resize', parameters: { width: 9, fit: 'Contain' } }), {
    width: 9,
    fit: 'contain',
    kernel: 'lanczos3',
  });
});

t.test('which images', async (t) => {
  const served = await createTestApp(t, { ...IDLE, MAX_JOB_ITEMS: '4' });
  const { send } = served;
  const ids = await uploadPictures(served, 3);
  const [first = '', second = ''] = ids;
  const histogram = (body: object) => ({ operation: 'histogram', ...body });

  await t.test('an unknown or repeated id is a fault, and nothing is dropped', async (t) => {
    const unknown = randomUUID();
    await isRefused(t, served, histogram({ image_ids: [first, unknown, second] }), '/image_ids/1');
    await isRefused(t, served, histogram({ image_ids: [first, second, first] }), '/image_ids/2');
    await isRefused(t, served, histogram({ image_ids: [first, first.toUpperCase()] }), '/image_ids/1');
    await isRefused(t, served, histogram({ image_ids: [] }), '/image_ids');
    await isRefused(t, served, histogram({ image_ids: [first, 'x', 5] }), '/image_ids/1', '/image_ids/2');
    await isRefused(t, served, histogram({ image_ids: [...ids, randomUUID(), randomUUID()] }), '/image_ids');
  });

  await t.test('either ids or a filter', async (t) => {
    await isRefused(t, served, histogram({}), '/image_ids');
    await isRefused(t, served, histogram({ image_ids: ids, filter: {} }), '/filter');
    await isRefused(t, served, histogram({ filter: { name: 'x' } }), '/filter/name');
    await isRefused(t, served, histogram({ filter: { name_contains: 'nothing' } }), '/filter');
  });

  await t.test('a filter selects what the list shows, newest first', async (t) => {
    const listed = async (query: string) =>
      (await send('GET', `/images?${query}`)).json().items.map(({ id }: { id: string }) => id);
    const selected = async (filter: object) => {
      const { id } = (await send('POST', '/jobs', histogram({ filter }))).json();
      const { items } = (await send('GET', `/jobs/${id}/items`)).json();
      return items.map(({ input }: { input: { id: string } }) => input.id);
    };
    t.strictSame(await selected({}), await listed(''));
    t.strictSame(await selected({ name_contains: 'PICTURE-1' }), [second]);
    t.strictSame(await selected({ format: ['png'] }), await listed('format=png'));
    const { created_at: time } = (await send('GET', `/images/${second}`)).json();
    t.strictSame(await selected({ uploaded_after: time }), await listed(`uploaded_after=${time}`));
    await uploadPictures(served, 2, 3);
    await isRefused(t, served, histogram({ filter: {} }), '/filter');
  });
});

t.test('faults of the rest of a request have its paths', async (t) => {
  const image_ids = await uploadPictures(served, 1);
  const refused = (body: object, ...paths: string[]) =>
    isRefused(t, served, { operation: 'resize', image_ids, ...body }, ...paths);
  await refused({}, '/parameters/width');
  await refused({ parameters: { width: 0, widht: 3 } }, '/parameters/widht', '/parameters/width');
  await refused({ parameters: 5 }, '/parameters');
  await refused({ parameters: { width: 5 }, priority: 'urgent', more: 1 }, '/more', '/priority');
  await refused({ operation: 'render', parameters: {} }, '/operation');
  await refused({ operation: 'constructor', parameters: {} }, '/operation');
  await refused({ operation: { a: 1 }, parameters: {} }, '/operation');
  // The first image is a PNG, for which there is no such option.
  await refused({ parameters: { width: 5, lossless: true } }, '/parameters/lossless');
  const overlay = { image_id: randomUUID() };
  const operations = [{ op: 'grayscale' }, { op: 'composite', overlay }];
  await refused({ operation: 'transform', parameters: { operations } }, '/parameters/operations/1/overlay');
  await refused({ operation: 'histogram', parameters: { mask: randomUUID() } }, '/parameters/mask');
  await refused(
    { operation: 'segmentation', parameters: { method: 'kmeans', level: 3 } },
    '/parameters/level',
  );

  const dryRun = await served.send('POST', '/jobs', { operation: 'histogram', image_ids, dry_run: true });
  t.match(dryRun.json(), { code: 'validation_failed', detail: /POST \/jobs\/dry-run/ });
});

t.test('bodies that are not requests', async (t) => {
  const { app, send } = served;
  const post = async (payload: string) => {
    const headers = { 'content-type': 'application/json' };
    const { statusCode } = await app.inject({ method: 'POST', url: '/jobs', payload, headers });
    return statusCode;
  };
  for (const text of ['null', '[]', '"x"', '5', '{}', '{"operation":null}', '[{"operation":"resize"}]'])
    t.equal(await post(text), 422, text);
  for (const text of ['', '{', '{"operation":"resize","__proto__":{}}', '{"a":1}x'])
    t.equal(await post(text), 400, text);
  t.equal(await post(`{"operation":"resize","parameters":${'['.repeat(60)}${']'.repeat(60)}}`), 422, 'deep');
  t.equal(await post(`{"operation":"histogram","filter":{"name_contains":"\\u0000"}}`), 422, 'NUL');
  const form = await app.inject({
    method: 'POST',
    url: '/jobs',
    payload: 'operation=resize',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  t.equal(form.statusCode, 415);
  t.equal((await send('POST', '/jobs?priority=high', {})).statusCode, 422, 'a query');
});

t.test('format=auto takes what the client of the request accepts', async (t) => {
  const served = await createTestApp(t);
  const image_ids = await uploadPictures(served, 1);
  const body = { operation: 'resize', parameters: { width: 8, format: 'auto' }, image_ids };
  const answer = await served.send('POST', '/jobs', body, { accept: 'image/webp' });
  t.match(answer.headers.vary, /Accept/);
  const { id } = answer.json();
  await ended(served.services, id);
  const { artifact_id: made } = (await served.send('GET', `/jobs/${id}`)).json();
  t.match((await served.send('GET', `/artifacts/${made}`)).json(), { media_type: 'image/webp' });
  t.equal((await served.send('POST', '/jobs', body, { accept: 'text/plain' })).statusCode, 406);
});

t.test('an idempotency key', async (t) => {
  const { services, send } = served;
  const image_ids = await uploadPictures(served, 2);
  const body = { operation: 'resize', parameters: { width: 8 }, image_ids };
  const post = (given: object, key: string) => send('POST', '/jobs', given, { 'idempotency-key': key });

  const first = await post(body, 'a');
  t.equal(first.statusCode, 201);
  const again = await post(
    { image_ids: image_ids.map((id) => id.toUpperCase()), parameters: { width: 8 }, operation: 'resize' },
    'a',
  );
  t.strictSame([again.statusCode, again.json().id], [200, first.json().id], 'the same request');
  t.equal(again.headers.location, undefined);
  for (const other of [
    { ...body, parameters: { width: 9 } },
    { ...body, image_ids: image_ids.toReversed() },
    { ...body, priority: 'low' },
    { operation: 'resize', parameters: { width: 8 }, filter: {} },
  ])
    t.match(await post(other, 'a'), { statusCode: 409 }, JSON.stringify(other));

  const answers = await Promise.all(Array.from({ length: 6 }, () => post(body, 'b')));
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 200, 200, 200, 200, 201]);
  t.equal(new Set(answers.map((answer) => answer.json().id)).size, 1, 'one job');

  t.equal((await send('DELETE', `/images/${image_ids[0]}`)).statusCode, 204);
  const later = await post(body, 'a');
  t.strictSame([later.statusCode, later.json().id], [200, first.json().id], 'although an image is gone');
  t.match(await post(body, 'c'), { statusCode: 422 });
  t.match(await post(body, 'x'.repeat(256)), { statusCode: 422 });

  const { rows } = await services.database.pool.query(
    'SELECT idempotency_key AS key FROM jobs WHERE idempotency_key IS NOT NULL ORDER BY 1',
  );
  t.strictSame(rows, [{ key: 'a' }, { key: 'b' }]);
});

t.test('users do not see or use what belongs to others', async (t) => {
  const { ask, sendFile, createTenant } = await createProtectedApp(t, IDLE);
  const [owner, other] = [await createTenant('owner'), await createTenant('other')];
  const bytes = await makePicture();
  const { results } = (await sendFile(owner.session, '/images', { name: 'a.png', bytes })).json();
  const body = { operation: 'histogram', image_ids: [results[0].image.id] };
  t.match(await ask(other.session, 'POST', '/jobs', body), { statusCode: 422 });
  t.match(await ask(other.session, 'POST', '/jobs/dry-run', body), { statusCode: 422 });
  t.match(
    await ask(other.session, 'POST', '/jobs', { operation: 'histogram', filter: {} }),
    { statusCode: 422 },
    'a filter selects only images of the user',
  );
  const key = { 'idempotency-key': 'the same' };
  const made = await ask({ ...owner.session, ...key }, 'POST', '/jobs', body);
  t.equal(made.statusCode, 201);
  const own = (await sendFile(other.session, '/images', { name: 'a.png', bytes })).json().results[0].image.id;
  const theirs = await ask({ ...other.session, ...key }, 'POST', '/jobs', { ...body, image_ids: [own] });
  t.equal(theirs.statusCode, 201, 'the same key of another user is another key');
  t.not(theirs.json().id, made.json().id);
});

t.test('a dry run says what a job would do', async (t) => {
  const served = await createTestApp(t);
  const { services, send, upload } = served;
  const ids = await uploadPictures(served, 3);
  const jpeg = await sharp({ create: { width: 100, height: 50, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  const { results } = (await upload({ bytes: jpeg, filename: 'photo.jpg' })).json();
  const body = { operation: 'resize', parameters: { width: 20 }, image_ids: [...ids, results[0].image.id] };
  const estimate = async (changes = {}) =>
    (await send('POST', '/jobs/dry-run', { ...body, ...changes })).json();

  const before = await estimate();
  t.match(before, { operation: 'resize', images: 4, existing: 0, pixels: 3 * 60 * 40 + 100 * 50 });
  t.ok(before.estimated_seconds > 0);
  t.strictSame((await send('GET', '/jobs')).json().items, [], 'nothing was started');

  const { id } = (await send('POST', '/jobs', body)).json();
  t.match(await ended(services, id), { state: 'succeeded' });
  t.match(await estimate(), { images: 4, existing: 4, estimated_seconds: 0 });
  t.match(await estimate({ parameters: { width: 21 } }), { existing: 0 });
  t.match(
    await estimate({ parameters: { width: 20, format: 'jpeg' } }),
    { existing: 1 },
    'as the JPEG’s own format',
  );
  t.match(await estimate({ parameters: { width: 20, format: 'jpeg', lossless: true } }), {
    code: 'validation_failed',
  });
  const large = await estimate({ parameters: { width: 4000, format: 'avif' } });
  t.ok(large.estimated_seconds > before.estimated_seconds, 'more work takes longer');
});
