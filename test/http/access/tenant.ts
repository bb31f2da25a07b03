import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import sharp from 'sharp';
import type { Test } from 'tap';
import { eventually } from '../../safety/processes.ts';
import { createTestApp, multipartBody, type TestApp } from '../../support/app.ts';
import { ADMIN, REQUIRED_AUTHENTICATION } from '../../support/credentials.ts';

export const PASSWORD = ADMIN.password;

export type Headers = Record<string, string>;

/** Somebody with an account, and the headers of a log-in. */
export interface Tenant {
  id: string;
  email: string;
  session: Headers;
}

export interface ProtectedApp extends TestApp {
  admin: Tenant;
  /** A request of somebody. An object becomes JSON, a text a form. */
  ask(
    who: Headers,
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS',
    url: string,
    body?: object | string,
  ): Promise<LightMyRequestResponse>;
  /** Sends a file as a form. */
  sendFile(who: Headers, url: string, file: { name: string; bytes: Buffer }): Promise<LightMyRequestResponse>;
  createTenant(name: string): Promise<Tenant>;
  logIn(email: string): Promise<Headers>;
  createKey(who: Headers, scopes: readonly string[]): Promise<{ id: string; headers: Headers }>;
}

/** The application with authentication, an administrator, and the ways in which tests ask it. */
export async function createProtectedApp(
  t: Test,
  settings: Record<string, string> = {},
): Promise<ProtectedApp> {
  // An injected stream keeps its place until the application closes.
  const served = await createTestApp(t, { ...REQUIRED_AUTHENTICATION, EVENT_STREAMS: '1000', ...settings });
  const { app } = served;

  const ask: ProtectedApp['ask'] = (who, method, url, body) =>
    injectRequest(app, {
      method,
      url,
      headers: {
        ...who,
        ...(typeof body === 'string' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(body === undefined ? {} : { payload: body }),
    });

  const logIn = async (email: string): Promise<Headers> => {
    const form = new URLSearchParams({ username: email, password: PASSWORD });
    const { access_token: token } = (await ask({}, 'POST', '/auth/token', form.toString())).json();
    return { authorization: `Bearer ${token}` };
  };
  const adminSession = await logIn(ADMIN.email);
  const adminId: string = (await ask(adminSession, 'GET', '/users/me')).json().id;

  return {
    ...served,
    admin: { id: adminId, email: ADMIN.email, session: adminSession },
    ask,
    logIn,
    sendFile: (who, url, { name, bytes }) => {
      const { body, headers } = multipartBody([{ bytes, filename: name, field: 'file' }]);
      return app.inject({ method: 'POST', url, payload: body, headers: { ...headers, ...who } });
    },
    createTenant: async (name) => {
      const email = `${name}@example.org`;
      const { id } = (await ask(adminSession, 'POST', '/users', { email, name, password: PASSWORD })).json();
      return { id, email, session: await logIn(email) };
    },
    createKey: async (who, scopes) => {
      const body = { name: `a key with ${scopes.length} scopes`, scopes };
      const { id, key } = (await ask(who, 'POST', '/api-keys', body)).json();
      return { id, headers: { 'x-api-key': key } };
    },
  };
}

/** The path of a stream of events. */
const ENDLESS = /^\/(job-events|jobs\/[^/]+\/events)(\?|$)/;

/** How long a stream of events is read. */
const READ_MS = 200;

/** Injects a request. A stream of events has no end, so only its beginning is read. */
async function injectRequest(app: FastifyInstance, options: InjectOptions): Promise<LightMyRequestResponse> {
  const isEndless = options.method === 'GET' && ENDLESS.test(String(options.url));
  if (!isEndless) return app.inject(options);
  const response = await app.inject({ ...options, payloadAsStream: true });
  const chunks: Buffer[] = [];
  const stream = response.stream().on('data', (chunk: Buffer) => chunks.push(chunk));
  if (response.statusCode === 200) await sleep(READ_MS);
  stream.destroy();
  return response.statusCode === 200
    ? Object.assign(response, { body: Buffer.concat(chunks).toString() })
    : app.inject(options);
}

/** A picture that the examples of the document fit: bright boxes on a dark ground. Other colours make other bytes. */
export function makePicture(background = '#20304a'): Promise<Buffer> {
  const box = { create: { width: 60, height: 40, channels: 3 as const, background: '#f4d35e' } };
  return sharp({ create: { width: 820, height: 500, channels: 3, background } })
    .composite([
      { input: box, left: 100, top: 90 },
      { input: box, left: 500, top: 300 },
    ])
    .png()
    .toBuffer();
}

/** A picture whose bytes no other one has. */
export const makeNewPicture = (): Promise<Buffer> => makePicture(`#${randomUUID().slice(0, 6)}`);

/** An image log in the range of depths of the document's examples. */
export function makeLog(level = 64): Buffer {
  const rows = [1, 2, 3, 4, 5, 6].map((row) => `9000.${row},${row},${level},${level + row},200`);
  return Buffer.from(`depth,col1,col2,col3,col4\n${rows.join('\n')}\n`);
}

/** The ids of what a user owns. */
export interface Content {
  image: string;
  /** Artifacts. */
  picture: string;
  histogram: string;
  mask: string;
  form: string;
  frameSet: string;
  frame: string;
  /** One that has ended. */
  job: string;
}

/** Submits a job, cancels it, and waits for its end. With JOB_CONCURRENCY=0, nothing of it is done. @returns its id */
export async function makeCancelledJob({ ask }: ProtectedApp, who: Headers, image: string): Promise<string> {
  const made = await ask(who, 'POST', '/jobs', { operation: 'histogram', image_ids: [image] });
  if (made.statusCode !== 201) throw new Error(`${made.statusCode} ${made.body}`);
  const { id } = made.json();
  await ask(who, 'POST', `/jobs/${id}/cancel`);
  const hasEnded = async () => (await ask(who, 'GET', `/jobs/${id}`)).json().ended_at !== null;
  if (!(await eventually(hasEnded, 30_000))) throw new Error('The job does not end.');
  return id;
}

/** Uploads a picture and a log, and derives an artifact of each kind. */
export async function makeContent(
  served: ProtectedApp,
  who: Headers,
  { picture, log }: { picture: Buffer; log: Buffer },
): Promise<Content> {
  const { ask, sendFile } = served;
  const created = async (answer: Promise<LightMyRequestResponse>) => {
    const { statusCode, body } = await answer;
    if (statusCode !== 201) throw new Error(`${statusCode} ${body}`);
    return JSON.parse(body);
  };
  const uploaded = await created(sendFile(who, '/images', { name: 'photo.png', bytes: picture }));
  const image: string = uploaded.results[0].image.id;
  const derive = async (path: string, body: object): Promise<string> =>
    (await created(ask(who, 'POST', `/images/${image}/${path}`, body))).id;
  const frameSet: string = (await created(sendFile(who, '/upload?width=4', { name: 'log.csv', bytes: log })))
    .id;
  const frames = (await ask(who, 'GET', `/frame-sets/${frameSet}/frames?limit=1`)).json();
  const mask = await derive('segmentation', { min_area: 4 });
  await ask(who, 'GET', `/artifacts/${mask}/segments/overlay`);
  const forms = (await ask(who, 'GET', `/artifacts?kind=form`)).json();
  return {
    image,
    picture: await derive('resize', { width: 600 }),
    histogram: await derive('histogram', { bins: 4 }),
    mask,
    form: forms.items[0].id,
    frameSet,
    frame: String(frames.items[0].id),
    job: await makeCancelledJob(served, who, image),
  };
}
