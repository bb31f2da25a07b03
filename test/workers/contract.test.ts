import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { ended, resizeJob, uploadPictures } from '../jobs/support.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';
import { NO_RABBITMQ, startBroker } from './rabbitmq.ts';
import { isReady, openWorkers } from './worker-processes.ts';

/** What jobs do must not depend on who works on them. Each scenario gives what is seen of it. */
const SCENARIOS: Record<string, (app: TestApp) => Promise<unknown>> = {
  async 'pictures, and one that is gone'({ services, upload, send }) {
    const ids = await uploadPictures({ upload }, 12);
    const { store } = services.jobs;
    await send('DELETE', `/images/${ids[3]}`);
    const crop = { operation: 'crop', parameters: { left: 30, top: 0, width: 20, height: 30 } };
    const { job } = await store.create(LOCAL_OWNER, resizeJob(ids, crop));
    const { state, succeeded, failed } = await ended(services, job.id, { timeoutMs: 60_000 });
    const { items } = await store.items(LOCAL_OWNER, job.id, { limit: 20 });
    const results = await Promise.all(
      items.map(async ({ position, state, problem, artifactId, attempt, isNew }) => {
        const artifact = artifactId === null ? null : await services.artifacts.get(LOCAL_OWNER, artifactId);
        const { sha256, filename, mediaType, result, parameters, operation, version } = artifact ?? {};
        const made = {
          sha256: sha256?.toString('hex'),
          filename,
          mediaType,
          result,
          parameters,
          operation,
          version,
        };
        return { position, state, problem: problem?.code, attempt, isNew, made };
      }),
    );
    return { state, succeeded, failed, results };
  },

  async 'every kind of result'({ services, upload, send }) {
    const noise = await sharp({
      create: { width: 90, height: 60, channels: 3, background: '#226' },
    })
      .composite([
        { input: { create: { width: 30, height: 20, channels: 3, background: '#fd9' } }, left: 9, top: 8 },
      ])
      .png()
      .toBuffer();
    const answer = await upload({ bytes: noise, filename: 'shape.png' });
    const id = answer.json().results[0].image.id as string;
    const seen: unknown[] = [];
    for (const [operation, parameters] of [
      ['histogram', { bins: 16 }],
      ['segmentation', { min_area: 4 }],
      [
        'transform',
        {
          operations: [
            { op: 'rotate', angle: 90 },
            { op: 'convert', format: 'webp' },
          ],
        },
      ],
    ] as const) {
      const job = await submit(send, operation, parameters, [id]);
      const { state, only } = await ended(services, job, { timeoutMs: 60_000 });
      const artifact = await services.artifacts.get(LOCAL_OWNER, only?.artifactId ?? '');
      const { sha256, document, result } = artifact;
      seen.push([operation, state, sha256.toString('hex'), document?.sha256.toString('hex'), result]);
    }
    return seen;
  },

  async 'faults of parameters that only the picture shows'({ services, upload, send }) {
    const ids = await uploadPictures({ upload }, 1, 40);
    const { store } = services.jobs;
    const job = await submit(send, 'crop', { left: 1000, top: 0, width: 20, height: 30 }, ids);
    await ended(services, job, { timeoutMs: 60_000 });
    const { items } = await store.items(LOCAL_OWNER, job, { limit: 1 });
    return items.map(({ state, problem }) => [state, problem]);
  },

  async 'the more urgent job first'({ services, upload }) {
    const ids = await uploadPictures({ upload }, 30, 60);
    const { store } = services.jobs;
    const create = async (priority: 'low' | 'high', from: number) =>
      (
        await store.create(
          LOCAL_OWNER,
          resizeJob(ids.slice(from, from + 15), { priority, parameters: { width: 21 } }),
        )
      ).job.id;
    const low = await create('low', 0);
    const high = await create('high', 15);
    const [second, first] = [
      await ended(services, low, { timeoutMs: 60_000 }),
      await ended(services, high, { timeoutMs: 60_000 }),
    ];
    return {
      isFirst: (first.endedAt?.getTime() ?? 0) < (second.endedAt?.getTime() ?? 0),
      states: [first.state, second.state],
    };
  },

  async 'an image log, and the same one again'({ services, app }) {
    const rows = Array.from(
      { length: 300 },
      (_, row) => `${100 + row / 10},${row % 256},${(row * 7) % 256},5`,
    );
    const csv = Buffer.from(`depth,a,b,c\n${rows.join('\n')}\n`);
    const seen: unknown[] = [];
    for (let time = 0; time < 2; time++) {
      const { item, frameSet } = await uploadLog({ services, app }, csv);
      const stored = await services.database.pool.query(
        `SELECT row, depth, encode(image_data, 'hex') AS image, encode(resized_image_data, 'hex') AS resized FROM frames
         WHERE frame_set_id = $1 ORDER BY row`,
        [item?.frameSetId],
      );
      const { rows, columns, quality, sha256, size } = frameSet;
      seen.push({
        state: item?.state,
        isNew: item?.isNew,
        rows,
        columns,
        quality,
        sha256,
        size,
        stored: stored.rows,
      });
    }
    return seen;
  },

  async 'an image log with faults'({ services, app }) {
    const { item } = await uploadLog({ services, app }, Buffer.from('depth,a,b\n1,2,3\n2,x,999\n3,,y\n'));
    return [item?.state, item?.problem];
  },

  async 'a real image log'({ services, app }) {
    const folder = process.env.TEST_DATA_DIR;
    if (folder === undefined) return 'no test data';
    const { item, frameSet } = await uploadLog({ services, app }, readFileSync(`${folder}/image-log.csv`));
    return [item?.state, frameSet.rows, frameSet.quality];
  },
};

/** Submits a job as clients do. @returns its id */
async function submit(
  send: TestApp['send'],
  operation: string,
  parameters: object,
  ids: readonly string[],
): Promise<string> {
  const answer = await send('POST', '/jobs', { operation, parameters, image_ids: ids });
  if (answer.statusCode !== 201) throw new Error(answer.body);
  return answer.json().id;
}

async function uploadLog({ services, app }: Pick<TestApp, 'services' | 'app'>, csv: Buffer) {
  const { body, headers } = multipartBody([{ bytes: csv, filename: 'log.csv', field: 'file' }]);
  const answer = await app.inject({
    method: 'POST',
    url: '/upload',
    payload: body,
    headers: { ...headers, prefer: 'respond-async' },
  });
  const id = String(answer.headers.location).split('/').at(-1) ?? '';
  await ended(services, id, { timeoutMs: 60_000 });
  const { items } = await services.jobs.store.items(LOCAL_OWNER, id, { limit: 1 });
  const [item] = items;
  const found = await app.inject({ method: 'GET', url: `/frame-sets/${item?.frameSetId ?? id}` });
  return { item, frameSet: found.json() };
}

/** The engines, each opened when its turn comes. */
const ENGINES: Record<string, (t: Test) => Promise<TestApp>> = {
  'in the process': (t) => createTestApp(t, { IMAGE_CONCURRENCY: '2', JOB_CONCURRENCY: '1' }),
  async RabbitMQ(t) {
    const { url } = await startBroker(t);
    const { app, start } = await openWorkers(t, url);
    await isReady(start({ WORKER_CONCURRENCY: '1' }));
    return app;
  },
};

t.test('jobs do the same, whoever works on them', { skip: NO_RABBITMQ }, async (t) => {
  const seen: Record<string, Record<string, unknown>> = {};
  for (const [engine, open] of Object.entries(ENGINES)) {
    const app = await open(t);
    for (const [scenario, run] of Object.entries(SCENARIOS))
      seen[scenario] = { ...seen[scenario], [engine]: withoutIds(await run(app)) };
  }
  for (const [scenario, results] of Object.entries(seen)) {
    const [expected, found] = Object.values(results);
    t.ok(JSON.stringify(expected).length > 10, scenario);
    t.strictSame(found, expected, scenario);
  }
});

/** Ids differ from run to run. */
function withoutIds(value: unknown): unknown {
  const text = JSON.stringify(value).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id');
  return JSON.parse(text);
}

t.test('a job that is cancelled stops, and what was done stays', { skip: NO_RABBITMQ }, async (t) => {
  const { url } = await startBroker(t);
  const { app, start } = await openWorkers(t, url);
  await isReady(start());
  const { store } = app.services.jobs;
  const ids = await uploadPictures(app, 200);
  const { job } = await store.create(LOCAL_OWNER, resizeJob(ids));
  t.ok(await eventually(async () => (await store.get(LOCAL_OWNER, job.id)).succeeded > 3, 30_000));
  await store.cancel(LOCAL_OWNER, job.id);
  const { state, succeeded, cancelled, failed } = await ended(app.services, job.id, { timeoutMs: 30_000 });
  t.equal(state, 'cancelled');
  t.equal(failed, 0);
  t.equal(succeeded + cancelled, 200);
  t.ok(cancelled > 0 && succeeded > 3, `${succeeded} and ${cancelled}`);
});
