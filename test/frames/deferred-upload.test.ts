import { randomUUID } from 'node:crypto';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { readReceivedLog } from '../../src/frames/deferred-upload.ts';
import type { ClaimedItem } from '../../src/jobs/queue/job.ts';
import { ended } from '../jobs/support.ts';
import { filesLeftIn } from '../safety/listening.ts';
import { eventually } from '../safety/processes.ts';
import { multipartBody } from '../support/app.ts';
import { createFramesApp, type FramesApp, readCsv, writeLog } from './app.ts';

/** Uploads a log that a job is to read. */
function deferLog(
  { app }: FramesApp,
  file: string | Buffer,
  { query = '', prefer = 'respond-async' }: { query?: string; prefer?: string } = {},
) {
  const bytes = Buffer.from(file);
  const { body, headers } = multipartBody([{ bytes, filename: 'log.csv', field: 'file', type: 'text/csv' }]);
  return app.inject({
    method: 'POST',
    url: `/upload${query}`,
    payload: body,
    headers: { ...headers, prefer },
  });
}

const jobOf = (answer: Awaited<ReturnType<typeof deferLog>>): string =>
  String(answer.headers.location).split('/')[2] ?? '';

/** Bytes that count towards the quota, and all blobs. */
async function storedOf({ services }: FramesApp): Promise<{ counted: number; blobs: number }> {
  const { rows } = await services.database.pool.query(
    `SELECT (SELECT coalesce(sum(bytes), 0)::float8 FROM stored_bytes) AS counted, (SELECT count(*)::int FROM blobs) AS blobs`,
  );
  return rows[0];
}

let served: FramesApp;

t.before(async () => {
  served = await createFramesApp(t);
});

t.test('a log that a job has read is the same as one that is uploaded and read at once', async (t) => {
  const { get, uploadLog, countRows, services, config } = served;
  // More than one chunk of the stream.
  const log = writeLog(4000, 60);
  const answer = await deferLog(served, log, { query: '?width=40&depth_unit=m&name=well' });
  t.equal(answer.statusCode, 202, answer.body);
  t.equal(answer.body, '');
  t.match(answer.headers, { 'preference-applied': 'respond-async', location: /^\/jobs\// });
  t.strictSame(await filesLeftIn(config.TEMP_IMAGE_DIR), [], 'no temporary file stays');
  const { state } = await ended(services, jobOf(answer));
  t.equal(state, 'succeeded');

  const job = (await get(`/jobs/${jobOf(answer)}`)).json();
  t.match(job, {
    operation: 'upload',
    parameters: { filename: 'log.csv', name: 'well', width: 40, depth_unit: 'm', on_error: 'fail' },
    progress: { total: 1, done: 1, fraction: 1, bytes: log.length, total_bytes: log.length, rows: 4000 },
    artifact_id: null,
    result_url: `/frame-sets/${job.frame_set_id}`,
  });
  const { items } = (await get(job.items_url)).json();
  t.match(items, [{ input: { type: 'file', id: null }, is_new: true, frame_set_id: job.frame_set_id }]);

  const made = (await get(job.result_url)).json();
  t.equal((await get(made.content_url)).body, log, 'its file is kept');
  const again = await uploadLog(log, '?width=40&depth_unit=m');
  t.equal(again.statusCode, 200, 'the same log with the same options exists');
  t.equal(again.json().id, made.id);
  const plain = (await uploadLog(log, '?width=40&depth_unit=m&name=well&force=true')).json();
  const { id: _, created_at, updated_at, frames_url, content_url, ...facts } = made;
  t.match(plain, facts);
  const framesOf = async (id: string) => readCsv((await get(`/frames/export?frame_set_id=${id}`)).body);
  t.strictSame(await framesOf(made.id), await framesOf(plain.id));
  t.match(await countRows(), { frames: 8000, frame_sets: 2 });

  const repeated = await ended(services, jobOf(await deferLog(served, log, { query: '?width=40' })));
  t.match(repeated, { state: 'succeeded', only: { frameSetId: made.id } }, 'a job finds it, too');
  t.match(await countRows(), { frames: 8000, frame_sets: 2 });
});

t.test('a client that waits gets the answer itself', async (t) => {
  const log = writeLog(50, 10);
  const prefer = 'respond-async, wait=60';
  const first = await deferLog(served, log, { prefer });
  t.equal(first.statusCode, 201, first.body);
  t.match(first.json(), { message: 'Stored 50 frames.', rows: 50 });
  t.equal(first.headers.location, `/frame-sets/${first.json().id}`);
  const second = await deferLog(served, log, { prefer });
  t.equal(second.statusCode, 200);
  t.equal(second.body, (await served.uploadLog(log)).body);
});

t.test('a file counts once towards the quota, from its upload on', async (t) => {
  const { services } = served;
  const log = writeLog(100, 20);
  const before = await storedOf(served);
  await services.database.pool.query('UPDATE users SET storage_quota_bytes = $1 WHERE id = $2', [
    before.counted + Math.round(log.length * 1.5),
    LOCAL_OWNER,
  ]);
  const first = await deferLog(served, log);
  t.equal(first.statusCode, 202, first.body);
  t.match(await ended(services, jobOf(first)), { state: 'succeeded' });
  const after = { counted: before.counted + log.length, blobs: before.blobs + 1 };
  t.strictSame(await storedOf(served), after);
  const second = await deferLog(served, `${log}900,${'1,'.repeat(19)}1\n`);
  t.strictSame([second.statusCode, second.json().code], [413, 'quota_exceeded'], 'at once');
  t.strictSame(await storedOf(served), after);
});

t.test('faults of the request are answered at once, those of the file are the job’s', async (t) => {
  const served = await createFramesApp(t, { MAX_CSV_BYTES: '100000' });
  const { app, services, get, uploadLog, countRows, config } = served;
  const withoutId = (answer: { json(): Record<string, unknown> }) => ({ ...answer.json(), request_id: '' });
  for (const query of ['?width=0', '?delimiter=x', '?nonsense=1', '?kernel=none']) {
    const plain = await uploadLog(writeLog(2, 2), query);
    t.equal(plain.statusCode, 422, query);
    t.strictSame(withoutId(await deferLog(served, writeLog(2, 2), { query })), withoutId(plain), query);
  }
  const large = await deferLog(served, writeLog(400, 100));
  t.strictSame([large.statusCode, large.json().code], [413, 'file_too_large']);
  const { body, headers } = multipartBody([
    { bytes: Buffer.from(writeLog(2, 2)), filename: 'log.csv', field: 'file', type: 'text/csv' },
  ]);
  const cut = await app.inject({
    method: 'POST',
    url: '/upload',
    payload: body.subarray(0, -20),
    headers: { ...headers, prefer: 'respond-async' },
  });
  t.equal(cut.statusCode, 400, 'a body that is cut off');
  t.strictSame((await services.jobs.store.list(LOCAL_OWNER, { limit: 1 })).items, [], 'no job was made');
  t.strictSame(await filesLeftIn(config.TEMP_IMAGE_DIR), []);
  t.match(await storedOf(served), { blobs: 0 });

  const faulty = writeLog(300, 4, (row, column) => (row % 2 === 0 && column === 1 ? 'x' : row % 256));
  for (const file of [faulty, 'no,header\n1,2\n', '']) {
    const plain = (await uploadLog(file)).json();
    const deferred = await deferLog(served, file);
    t.equal(deferred.statusCode, 202, deferred.body);
    t.equal((await ended(services, jobOf(deferred))).state, 'failed');
    const [item] = (await get(`/jobs/${jobOf(deferred)}/items`)).json().items;
    const { code, detail, errors } = plain;
    t.strictSame(item.problem, { code, detail, ...(errors ? { errors } : {}) }, detail);
    const waited = await deferLog(served, file, { prefer: 'respond-async, wait=60' });
    t.strictSame(withoutId(waited), { ...plain, request_id: '' });
  }
  t.match(await countRows(), { frames: 0, frame_sets: 0 }, 'nothing of them is stored');
});

t.test('the file is gone with the end of its job if files are not kept', async (t) => {
  const served = await createFramesApp(t, { KEEP_LOG_FILES: 'false' });
  const log = writeLog(20, 5);
  const { state, only } = await ended(served.services, jobOf(await deferLog(served, log)));
  t.equal(state, 'succeeded');
  t.equal((await served.get(`/frame-sets/${only?.frameSetId}`)).json().content_url, null);
  await served.services.jobs.queue.dropInputs();
  t.match(await storedOf(served), { counted: log.length, blobs: 0 });
});

t.test('an attempt that has lost its item stores nothing', async (t) => {
  const served = await createFramesApp(t, { JOB_CONCURRENCY: '0' });
  const { services, countRows } = served;
  const { queue } = services.jobs;
  const jobId = jobOf(await deferLog(served, writeLog(3000, 100)));
  const claim = async () => {
    const item = await queue.claim('image_logs', randomUUID(), 60, 'others');
    if (item?.input.type !== 'file') throw new Error('There is no file to read.');
    return { ...item, input: item.input };
  };
  const read = (
    item: ClaimedItem & { input: { sha256: Buffer; size: number } },
    { signal = new AbortController().signal, onReport = () => {} } = {},
  ) =>
    readReceivedLog(item.owner, item.parameters, item.input, services.logUploads, {
      signal,
      report: async (progress) => {
        await queue.report(item, progress);
        onReport();
      },
      succeed: (stored, client) => queue.succeedWithFile(item, stored, client),
    });

  const first = await claim();
  const controller = new AbortController();
  const stopped = read(first, {
    signal: controller.signal,
    onReport: () => controller.abort(new Error('stopped by the test')),
  });
  await t.rejects(stopped, { message: 'stopped by the test' });
  const { only } = await services.jobs.store.get(LOCAL_OWNER, jobId);
  t.match(only?.progress, { stage: 'reading' }, 'it had begun');
  t.match(await countRows(), { frames: 0, frame_sets: 0 });

  t.ok(await queue.giveBack(first));
  const second = await claim();
  t.equal(second.attempt, 2);
  await t.rejects(read(first), { code: 'conflict' });
  t.match(await countRows(), { frames: 0, frame_sets: 0 }, 'the first attempt is refused');
  t.match(await read(second), { isNew: true });
  t.match(await countRows(), { frames: 3000, frame_sets: 1 });
  t.match(await ended(services, jobId), { state: 'succeeded' });
  t.match(await read(second), { isNew: false }, 'a repetition finds it');
  t.match(await countRows(), { frames: 3000, frame_sets: 1 });
  t.ok(await eventually(async () => services.logUploads.threads.stats().running === 0));
});
