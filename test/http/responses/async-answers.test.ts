import type { LightMyRequestResponse } from 'fastify';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { LOCAL_OWNER } from '../../../src/auth/owner.ts';
import { OPERATIONS } from '../../../src/operations.ts';
import type { Operation } from '../../../src/work/operation.ts';
import type { OperationRoute } from '../../../src/work/routes.ts';
import { ended } from '../../jobs/support.ts';
import { listen } from '../../safety/listening.ts';
import { eventually } from '../../safety/processes.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

/** `Prefer: respond-async` on every POST that computes, generated from the list of operations. */

const ROUTES = (Object.values(OPERATIONS) as Operation[]).flatMap(({ routes }) => routes);
const POSTS = ROUTES.filter(({ post }) => post !== undefined);

const ASYNC = { prefer: 'respond-async' };
const WAIT = { prefer: 'respond-async, wait=60' };

/** Two boxes on a background. */
function makePicture(): Promise<Buffer> {
  const box = (width: number, height: number, left: number, top: number) => ({
    input: { create: { width, height, channels: 3 as const, background: '#f4d35e' } },
    left,
    top,
  });
  return sharp({ create: { width: 1200, height: 900, channels: 3, background: '#5b2c0b' } })
    .composite([box(60, 500, 200, 300), box(80, 640, 700, 120)])
    .png()
    .toBuffer();
}

/** An image, and an artifact derived from it: the paths of both. */
async function makeResources({ upload, send }: TestApp): Promise<[string, string]> {
  const uploaded = await upload({ bytes: await makePicture(), filename: 'scan.png' });
  const image = `/images/${uploaded.json().results[0].image.id}`;
  const { id } = (await send('POST', `${image}/convert`, { format: 'png' })).json();
  return [image, `/artifacts/${id}`];
}

let served: TestApp;
let image: string;
let artifact: string;

t.before(async () => {
  served = await createTestApp(t);
  [image, artifact] = await makeResources(served);
});

/** The id of the job of an answer that says no more. */
function jobOf(t: Test, answer: LightMyRequestResponse, applied = 'respond-async'): string {
  t.equal(answer.statusCode, 202, answer.body);
  t.equal(answer.body, '', 'without a body');
  t.match(answer.headers, {
    location: /^\/jobs\/[0-9a-f-]{36}$/,
    'preference-applied': applied,
    vary: /\bPrefer\b/,
  });
  t.notOk('content-location' in answer.headers);
  return String(answer.headers.location).split('/')[2] ?? '';
}

/** The same answer, whether it is an artifact or bytes. */
function isSame(t: Test, answer: LightMyRequestResponse, plain: LightMyRequestResponse) {
  t.equal(answer.headers['content-location'], plain.headers['content-location']);
  t.equal(answer.headers['content-type'], plain.headers['content-type']);
  t.ok(answer.rawPayload.equals(plain.rawPayload), 'with the same body');
}

t.test('every POST that computes can be answered before it has', async (t) => {
  t.ok(POSTS.length > 5);
  for (const route of POSTS) {
    await t.test(`${route.path} of an image: 202, then the artifact`, (t) => testAsync(t, image, route));
    await t.test(`${route.path} of an artifact: the answer itself if it is ready in time`, (t) =>
      testWait(t, artifact, route),
    );
  }
});

async function testAsync(t: Test, resource: string, { path, post }: OperationRoute) {
  const { services, send } = served;
  const [example] = Object.values(post?.examples ?? {});
  const body = example?.value as object;
  const url = `${resource}/${path}`;
  const jobId = jobOf(t, await send('POST', url, body, ASYNC));
  const { state, operation } = await ended(services, jobId);
  t.strictSame([state, operation], ['succeeded', path]);
  const job = (await send('GET', `/jobs/${jobId}`)).json();
  const made = (await send('GET', job.result_url)).json();
  const plain = await send('POST', url, body);
  t.equal(plain.statusCode, 200, 'without the header, it exists already');
  if (post?.answers === 'artifact') t.strictSame(plain.json(), made);
  else t.equal(plain.headers['content-location'], made.content_url);
}

async function testWait(t: Test, resource: string, { path, post }: OperationRoute) {
  const { send } = served;
  const [example] = Object.values(post?.examples ?? {});
  const body = example?.value as object;
  const url = `${resource}/${path}`;
  const first = await send('POST', url, body, WAIT);
  const isArtifact = post?.answers === 'artifact';
  t.equal(first.statusCode, isArtifact ? 201 : 200, first.body.slice(0, 300));
  t.equal(first.headers.location, isArtifact ? first.headers['content-location'] : undefined);
  isSame(t, first, await send('POST', url, body));
  const again = await send('POST', url, body, WAIT);
  t.equal(again.statusCode, 200, 'it existed');
  isSame(t, again, first);
}

async function newestJob(): Promise<string | undefined> {
  const { items } = await served.services.jobs.store.list(LOCAL_OWNER, { limit: 1 });
  return items[0]?.id;
}

t.test('faults are answered at once, as without the header', async (t) => {
  const { send } = served;
  const before = await newestJob();
  const missing = '/images/0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';
  const requests: [url: string, body: object][] = [
    [`${image}/resize`, { width: 0 }],
    [`${image}/resize`, { width: 10, qualty: 3 }],
    [`${image}/resize`, { width: 10, format: 'png', lossless: true }],
    [`${image}/crop`, { box: { left: 90_000, top: 0, width: 10, height: 10 } }],
    [`${image}/transform`, { operations: [{ op: 'composite', image_id: missing.slice(8) }] }],
    [`${missing}/histogram`, {}],
    ['/images/seven/histogram', {}],
  ];
  for (const [url, body] of requests) {
    const plain = await send('POST', url, body);
    t.ok([404, 422].includes(plain.statusCode), plain.body);
    for (const headers of [ASYNC, WAIT]) {
      const answer = await send('POST', url, body, headers);
      const { request_id: _, ...problem } = answer.json();
      const { request_id: __, ...expected } = plain.json();
      t.strictSame(problem, expected, `${url} ${JSON.stringify(body)}`);
    }
  }
  t.equal(await newestJob(), before, 'no job was made');
});

t.test('a failure of the work is that of the job, and the answer to who waits for it', async (t) => {
  const { send, services } = served;
  // Nobody knows before the work how much will be left after `trim`.
  const body = {
    operations: [{ op: 'trim' }, { op: 'extend', left: 17_000 }],
    output: { format: 'webp' },
  };
  const url = `${image}/transform`;
  const { request_id: _, ...plain } = (await send('POST', url, body)).json();
  t.match(plain, { code: 'output_too_large', errors: [{ location: 'body', path: '/output/format' }] });
  const { request_id: __, ...waited } = (await send('POST', url, body, WAIT)).json();
  t.strictSame(waited, plain);
  const jobId = jobOf(t, await send('POST', url, body, ASYNC));
  t.match(await ended(services, jobId), { state: 'failed' });
  const { items } = (await send('GET', `/jobs/${jobId}/items`)).json();
  const { code, detail, errors } = plain;
  t.strictSame(items[0].problem, { code, detail, errors });
});

t.test('parameters that were dropped are named, and `auto` goes by the Accept of the request', async (t) => {
  const { send, services } = served;
  const lenient = { width: 40, quality: 80, format: 'png', strict: false };
  const deferred = await send('POST', `${image}/resize`, lenient, ASYNC);
  t.equal(deferred.headers['x-ignored-parameters'], 'quality');
  const jobId = jobOf(t, deferred);
  t.match(await ended(services, jobId), { state: 'succeeded' });
  const waited = await send('POST', `${image}/resize`, lenient, WAIT);
  t.match(waited.json(), { ignored: ['quality'] });
  t.equal(waited.headers['x-ignored-parameters'], 'quality');

  const auto = { width: 50, format: 'auto' };
  const negotiated = await send('POST', `${image}/resize`, auto, { ...ASYNC, accept: 'image/avif' });
  t.match(negotiated.headers, { vary: /\bAccept\b/ });
  const { only } = await ended(services, jobOf(t, negotiated));
  const { media_type: type } = (await send('GET', `/artifacts/${only?.artifactId}`)).json();
  t.equal(type, 'image/avif');
});

t.test('while no job is worked on', async (t) => {
  const { app, send, services, url, ...idle } = await listen(t, { JOB_CONCURRENCY: '0' });
  const [picture] = await makeResources({ app, send, services, ...idle });
  const resize = `${picture}/resize`;
  const count = async () => (await services.jobs.store.list(LOCAL_OWNER, { limit: 10 })).items.length;
  /** Waits for an answer for a minute. */
  const post = (body: object, signal?: AbortSignal) =>
    fetch(url(resize), {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...WAIT },
      signal: signal ?? null,
    });

  await t.test('who has waited long enough gets the job', async (t) => {
    const start = performance.now();
    const answer = await send('POST', resize, { width: 30 }, { prefer: 'respond-async, wait=1' });
    t.ok(performance.now() - start > 900);
    const jobId = jobOf(t, answer, 'respond-async, wait=1');
    t.match((await send('GET', `/jobs/${jobId}`)).json(), {
      state: 'queued',
      priority: 'high',
      operation: 'resize',
      parameters: { width: 30 },
      result_url: null,
    });
  });

  await t.test('who gives up the wait leaves the job behind', async (t) => {
    const controller = new AbortController();
    const waiting = post({ width: 31 }, controller.signal);
    t.ok(await eventually(async () => (await count()) === 2, 10_000));
    controller.abort();
    await t.rejects(waiting);
    const { items } = await services.jobs.store.list(LOCAL_OWNER, { limit: 1 });
    t.match(items, [{ state: 'queued', cancelRequestedAt: null, parameters: { width: 31 } }]);
  });

  await t.test('who waits when the server stops gets the job', async (t) => {
    const waiting = post({ width: 32 });
    t.ok(await eventually(async () => (await count()) === 3, 10_000));
    await app.close();
    const answer = await waiting;
    t.strictSame([answer.status, await answer.text()], [202, '']);
  });
});
