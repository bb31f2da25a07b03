import t from 'tap';
import { createTestApp } from '../../support/app.ts';
import {
  type AccessDocument,
  cacheFaults,
  collectRoutes,
  exampleQuery,
  operationOf,
  type RegisteredRoute,
} from './routes.ts';
import {
  type Content,
  createProtectedApp,
  type Headers,
  makeContent,
  makeLog,
  makePicture,
  type ProtectedApp,
} from './tenant.ts';

let plain: ProtectedApp;
let routes: RegisteredRoute[];

t.before(async () => {
  [plain, routes] = await collectRoutes(() => createProtectedApp(t));
});

const ORIGIN = 'https://tool.example.org';

function pathOf(url: string, { image, picture, histogram, mask, frameSet, frame, job }: Content): string {
  if (url.startsWith('/artifacts/:id/segments')) return url.replace(':id', mask);
  if (url.startsWith('/artifacts/:id/plot')) return url.replace(':id', histogram);
  const ids: Record<string, string> = {
    images: image,
    artifacts: picture,
    'frame-sets': frameSet,
    frames: frame,
    jobs: job,
  };
  return url.replace(':id', ids[url.split('/')[1] ?? ''] ?? '');
}

/** The conditions of requests, with the status of the answer. */
const conditionsFor = (etag: string): [status: number, headers: Headers][] => [
  [200, {}],
  [304, { 'if-none-match': etag }],
  [206, { range: 'bytes=0-3' }],
  [416, { range: 'bytes=99999999-' }],
  [412, { 'if-match': '"another"' }],
];

t.test('what needs a credential is for its client alone: whole, in part, unchanged or refused', async (t) => {
  const served = plain;
  const document: AccessDocument = (await served.ask({}, 'GET', '/openapi.json')).json();
  const { session } = await served.createTenant('ada');
  const content = await makeContent(served, session, { picture: await makePicture(), log: makeLog() });
  const key = (await served.createKey(session, ['images:read', 'frames:read'])).headers;
  const keyAsBearer = { authorization: `Bearer ${key['x-api-key']}` };

  const faults: string[] = [];
  const statuses = new Map<number, number>();
  for (const route of routes) {
    const operation = operationOf(document, route);
    const { method, url, access } = route;
    if (operation === undefined || (method !== 'GET' && method !== 'HEAD') || !('304' in operation.responses))
      continue;
    const path = `${pathOf(url, content)}?${exampleQuery(operation)}`;
    const { headers } = await served.ask(session, 'HEAD', path);
    for (const who of method === 'GET' ? [session, key] : [keyAsBearer]) {
      const conditions = conditionsFor(String(headers.etag));
      for (const [status, condition] of method === 'GET' ? conditions : conditions.slice(0, 2)) {
        const answer = await served.ask({ ...who, ...condition }, method, path);
        const isPossible = method === 'GET' && String(status) in operation.responses;
        if (isPossible && answer.statusCode !== status)
          faults.push(`GET ${path} ${JSON.stringify(condition)}: ${answer.statusCode} instead of ${status}`);
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        const found = cacheFaults(access, answer.headers);
        faults.push(...found.map((fault) => `${method} ${path}, ${answer.statusCode}: ${fault}`));
      }
      const wrong = await served.ask(who, method, `${path}&no_such_parameter=1`);
      t.equal(wrong.statusCode, 422);
      faults.push(...cacheFaults(access, wrong.headers).map((fault) => `${method} ${path}, 422: ${fault}`));
    }
  }
  t.strictSame(faults, []);
  for (const status of [200, 206, 304, 412, 416])
    t.ok((statuses.get(status) ?? 0) > 30, `${status} was tested`);
});

t.test('an answer that shows a credential is not stored at all', async (t) => {
  const { ask, admin, createKey } = plain;
  const { id } = await createKey(admin.session, ['images:read']);
  const made = await ask(admin.session, 'POST', '/api-keys', { name: 'another', preset: 'read_only' });
  const rotated = await ask(admin.session, 'POST', `/api-keys/${id}/rotate`, {});
  for (const answer of [made, rotated]) {
    t.equal(answer.statusCode, 201);
    t.match(answer.json().key, /^cfk_/);
    t.equal(answer.headers['cache-control'], 'no-store');
  }
});

t.test('Vary names everything that an answer depends on, once', async (t) => {
  const varyOf = async ({ ask, admin }: ProtectedApp, image: string, headers: Headers) =>
    (await ask({ ...admin.session, ...headers }, 'GET', `/images/${image}/convert?format=auto`)).headers.vary;
  const uploadTo = async ({ sendFile, admin }: ProtectedApp) =>
    (await sendFile(admin.session, '/images', { name: 'a.png', bytes: await makePicture() })).json()
      .results[0].image.id;
  t.equal(await varyOf(plain, await uploadTo(plain), {}), 'Authorization, X-API-Key, Accept');
  const shared = await createProtectedApp(t, { CORS_ORIGINS: `${ORIGIN}, https://other.example.org` });
  const image = await uploadTo(shared);
  for (const headers of [{ origin: ORIGIN }, {}] as Headers[])
    t.equal(await varyOf(shared, image, headers), 'Origin, Authorization, X-API-Key, Accept');
  const refused = await shared.ask({ origin: ORIGIN }, 'GET', '/images');
  t.equal(refused.statusCode, 401);
  t.equal(refused.headers.vary, 'Origin, Authorization, X-API-Key');
});

t.test('without authentication, headers are as they were', async (t) => {
  const { send, upload } = await createTestApp(t, { AUTH_MODE: 'disabled' });
  const { id } = (await upload({ bytes: await makePicture() })).json().results[0].image;
  for (const [path, control, vary] of [
    ['/images', undefined, undefined],
    [`/images/${id}`, undefined, undefined],
    [`/images/${id}/content`, 'private, max-age=31536000, immutable', undefined],
    [`/images/${id}/resize?width=40`, 'private, max-age=3600', undefined],
    [`/images/${id}/convert?format=auto`, 'private, max-age=3600', 'Accept'],
    ['/images/none', 'no-store', undefined],
    ['/frames', 'private, no-cache', undefined],
    ['/metrics', undefined, undefined],
  ] as const) {
    // A credential changes nothing.
    for (const headers of [{}, { authorization: 'Bearer anything' }] as Headers[]) {
      const answer = await send('GET', path, undefined, headers);
      t.equal(answer.headers['cache-control'], control, `Cache-Control of ${path}`);
      t.equal(answer.headers.vary, vary, `Vary of ${path}`);
    }
  }
});
