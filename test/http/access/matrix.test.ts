import { randomInt, randomUUID } from 'node:crypto';
import Fastify, { type LightMyRequestResponse } from 'fastify';
import t from 'tap';
import { ROLE_SCOPES, SCOPES, type Scope } from '../../../src/auth/scopes.ts';
import { type RouteAccess, routeAccess } from '../../../src/http/access/route-access.ts';
import {
  type AccessDocument,
  cacheFaults,
  collectRoutes,
  exampleBody,
  exampleQuery,
  operationOf,
  type RegisteredRoute,
} from './routes.ts';
import {
  type Content,
  createProtectedApp,
  type Headers,
  makeCancelledJob,
  makeContent,
  makeLog,
  makeNewPicture,
  makePicture,
  PASSWORD,
  type ProtectedApp,
  type Tenant,
} from './tenant.ts';

/** Somebody who makes requests, as far as it matters for access. */
interface Principal {
  name: string;
  headers: Headers;
  /** The code with which the credential is refused. */
  refusedWith?: 'authentication_required' | 'invalid_credential';
  scopes: readonly Scope[];
  isKey?: boolean;
  /** Whether the request is served as the user who owns the content. */
  isOwner?: boolean;
  isActing?: boolean;
}

interface Expected {
  /** `success`: one of the statuses from 200 to 399 that the document has. */
  status: number | 'success';
  code?: string;
  /** The scope that the answer names. */
  scope?: Scope;
}

const SUCCESS: Expected = { status: 'success' };
const USER_SCOPES = ROLE_SCOPES.user;
/** Compared with those of a key on routes for which no scope is needed. */
const ANY_SCOPE: Scope = 'images:read';

/** Public operations that refuse the request all the same: it does not have the set-up token. */
const PUBLIC_REFUSALS: Readonly<Record<string, Expected>> = {
  'POST /auth/setup': { status: 401, code: 'invalid_credential' },
};

/** Routes with which one ends one's own sessions. They come last. */
const ENDS_SESSIONS = /^(POST \/auth\/log-out|POST \/users\/me\/password|DELETE \/auth\/sessions)$/;

const isScope = (access: RouteAccess | undefined): access is Scope =>
  (SCOPES as readonly (string | undefined)[]).includes(access);

/** What a route must answer, from what it declares and from who owns the resource. */
function expectedOf({ method, url, access }: RegisteredRoute, principal: Principal): Expected {
  const { refusedWith, scopes, isKey, isOwner, isActing } = principal;
  if (access === 'public') return PUBLIC_REFUSALS[`${method} ${url}`] ?? SUCCESS;
  if (refusedWith !== undefined) return { status: 401, code: refusedWith };
  if (isScope(access) && !scopes.includes(access))
    return { status: 403, code: 'insufficient_scope', scope: access };
  if (access === 'session' && isKey) return { status: 403, code: 'log_in_required' };
  if (isActing) {
    if (!scopes.includes('admin')) return { status: 403, code: 'insufficient_scope', scope: 'admin' };
    const isForUsers = access !== 'session' && access !== 'admin' && access !== 'metrics:read';
    // A key would outlive the request.
    if (!isForUsers || `${method} ${url}` === 'POST /api-keys')
      return { status: 422, code: 'validation_failed' };
  }
  const isOfOwner = url.includes('/:id') && access !== 'admin';
  // A key sees itself and the keys that it has made, unless it acts for somebody.
  const isHidden = isKey && !isActing && url.startsWith('/api-keys/');
  if (isOfOwner && (!isOwner || isHidden)) return { status: 404, code: 'not_found' };
  return SUCCESS;
}

let served: ProtectedApp;
let routes: RegisteredRoute[];
let document: AccessDocument;
let owner: Tenant;
let other: Tenant;
/** A user on whom administrators try their operations. */
let spare: Tenant;
let content: Content;
/** Of the owner. */
let sessionId: string;
let keyId: string;
let workerId: string;

t.before(async () => {
  [served, routes] = await collectRoutes(() =>
    createProtectedApp(t, {
      REGISTRATION: 'open',
      CORS_ORIGINS: 'https://tool.example.org',
      TRUSTED_PROXIES: '127.0.0.1',
      // Jobs stay as they are.
      JOB_CONCURRENCY: '0',
    }),
  );
  document = (await served.ask({}, 'GET', '/openapi.json')).json();
  owner = await served.createTenant('owner');
  other = await served.createTenant('other');
  spare = await served.createTenant('spare');
  content = await makeContent(served, owner.session, { picture: await makePicture(), log: makeLog() });
  // Lists and ranges have something to answer with for the others, too.
  for (const { session } of [other, served.admin])
    await makeContent(served, session, { picture: await makePicture(), log: makeLog() });
  sessionId = (await served.ask(owner.session, 'GET', '/auth/sessions')).json().items[0].id;
  keyId = (await served.createKey(owner.session, ['images:read'])).id;
  workerId = (await served.services.auth.workers.create('worker')).worker.id;
  await served.services.database.pool.query('UPDATE api_keys SET used_scopes = scopes WHERE id = $1', [
    keyId,
  ]);
});

/** The same for each principal, because a cell must not change what the next one needs. */
const idOf = (url: string): string => {
  const { image, picture, histogram, mask, frameSet, frame, job } = content;
  if (url.startsWith('/artifacts/:id/segments')) return mask;
  if (url.startsWith('/artifacts/:id/plot')) return histogram;
  const [, resource = ''] = /^\/((?:auth\/)?[^/]+)\/:id/.exec(url) ?? [];
  const id = {
    images: image,
    artifacts: picture,
    'frame-sets': frameSet,
    frames: frame,
    jobs: job,
    users: spare.id,
    'api-keys': keyId,
    'auth/sessions': sessionId,
    workers: workerId,
  }[resource];
  if (id === undefined) throw new Error(`The matrix needs an id for ${url}.`);
  return id;
};

/** Requests that work only once with an id, besides those that delete. */
const WORKS_ONCE = ['POST /jobs/:id/retry'];

/** A resource of the owner with which a test may do what works only once. */
async function makeForOnce(url: string): Promise<string> {
  const { ask, sendFile, logIn, createTenant, createKey } = served;
  const { session } = owner;
  const makers: Record<string, () => Promise<string>> = {
    '/images/:id': async () =>
      (await sendFile(session, '/images', { name: 'b.png', bytes: await makeNewPicture() })).json().results[0]
        .image.id,
    '/artifacts/:id': async () => {
      const made = await ask(session, 'POST', `/images/${content.image}/crop`, {
        left: randomInt(100),
        top: randomInt(100),
        width: 300,
        height: 200,
      });
      return made.json().id;
    },
    '/frame-sets/:id': async () =>
      (await sendFile(session, '/upload?force=true', { name: 'b.csv', bytes: makeLog() })).json().id,
    '/auth/sessions/:id': async () =>
      (await ask(await logIn(owner.email), 'GET', '/auth/sessions'))
        .json()
        .items.find((item: { current: boolean }) => item.current).id,
    '/jobs/:id': () => makeCancelledJob(served, session, content.image),
    '/jobs/:id/retry': () => makeCancelledJob(served, session, content.image),
    '/users/:id': async () => (await createTenant(randomUUID())).id,
    '/api-keys/:id': async () => (await createKey(session, [ANY_SCOPE])).id,
    '/workers/:id': async () => (await served.services.auth.workers.create('worker')).worker.id,
  };
  const make = makers[url];
  if (make === undefined) throw new Error(`The matrix needs something of its own for ${url}.`);
  return make();
}

/** The path, with the id of something that the owner has. */
async function pathOf({ method, url }: RegisteredRoute, expected: Expected): Promise<string> {
  if (url === '/docs/static/*') return '/docs/static/swagger-ui.css';
  if (url === '/problems/:code') return '/problems/not_found';
  if (!url.includes(':')) return url;
  const worksOnce = method === 'DELETE' || WORKS_ONCE.includes(`${method} ${url}`);
  const isForOnce = worksOnce && expected.status === 'success';
  const path = url.replace(':id', isForOnce ? await makeForOnce(url) : idOf(url));
  if (/[:*]/.test(path)) throw new Error(`The matrix needs a path for ${url}.`);
  return path;
}

/** The example of the document, with what must be true here in place of its names. */
function bodyOf({ method, url }: RegisteredRoute, { scopes }: Principal): object | string | undefined {
  const operation = operationOf(document, { method, url });
  const example = operation && exampleBody(document, operation);
  if (example === undefined) return undefined;
  const given: Record<string, unknown> = { ...example };
  if ('email' in given) given.email = `${randomUUID()}@example.org`;
  if ('to' in given) given.to = other.id;
  if ('new_password' in given) given.new_password = PASSWORD;
  if ('preset' in given) {
    delete given.preset;
    given.scopes = [scopes[0] ?? ANY_SCOPE];
  }
  if (!('grant_type' in given)) return given;
  const form = { grant_type: 'password', username: spare.email, password: PASSWORD };
  return new URLSearchParams(form).toString();
}

const pictureToSend = makePicture();

async function request(
  route: RegisteredRoute,
  principal: Principal,
  expected: Expected,
): Promise<LightMyRequestResponse> {
  const { method, url } = route;
  const operation = operationOf(document, route);
  const query = operation === undefined || method === 'POST' ? '' : exampleQuery(operation);
  const path = `${await pathOf(route, expected)}${query && `?${query}`}`;
  const headers = {
    ...principal.headers,
    ...(method === 'OPTIONS' ? PREFLIGHT : {}),
    // Sign-ups from one address are limited.
    'x-forwarded-for': `203.0.${randomInt(256)}.${randomInt(256)}`,
  };
  if (method === 'POST' && url === '/images')
    return served.sendFile(headers, path, { name: 'photo.png', bytes: await pictureToSend });
  if (method === 'POST' && url === '/upload')
    return served.sendFile(headers, `${path}?width=4`, { name: 'log.csv', bytes: makeLog() });
  return served.ask(headers, method as 'GET', path, bodyOf(route, principal));
}

const PREFLIGHT = { origin: 'https://tool.example.org', 'access-control-request-method': 'GET' };

/** Everybody who asks a route. Keys depend on the scope that it needs. */
async function principalsFor(
  { access }: RegisteredRoute,
  keyWith: (scopes: readonly Scope[]) => Promise<Headers>,
  refused: readonly Principal[],
): Promise<Principal[]> {
  const scope = isScope(access) ? access : ANY_SCOPE;
  const isForUsers = USER_SCOPES.includes(scope);
  const others = (isForUsers ? USER_SCOPES : SCOPES).filter((name) => name !== scope);
  return [
    ...refused,
    {
      name: 'a key without the scope',
      headers: await keyWith(others),
      scopes: others,
      isKey: true,
      isOwner: isForUsers,
    },
    {
      name: 'a key with exactly the scope',
      headers: await keyWith([scope]),
      scopes: [scope],
      isKey: true,
      isOwner: isForUsers,
    },
    { name: 'the owner', headers: owner.session, scopes: USER_SCOPES, isOwner: true },
    { name: 'another user', headers: other.session, scopes: USER_SCOPES },
    { name: 'an administrator', headers: served.admin.session, scopes: SCOPES },
    {
      name: 'an administrator for the owner',
      headers: { ...served.admin.session, 'x-on-behalf-of': owner.id },
      scopes: SCOPES,
      isOwner: true,
      isActing: true,
    },
    {
      name: "an administrator's key for the owner",
      headers: { ...(await keyWith(SCOPES)), 'x-on-behalf-of': owner.id },
      scopes: SCOPES,
      isKey: true,
      isOwner: true,
      isActing: true,
    },
    {
      name: 'a user for the owner',
      headers: { ...other.session, 'x-on-behalf-of': owner.id },
      scopes: USER_SCOPES,
      isActing: true,
    },
  ];
}

/** Credentials of the owner, or of somebody who was disabled, that nothing accepts. */
async function makeRefused(): Promise<Principal[]> {
  const { ask, admin, createTenant, createKey, services } = served;
  const isValid = async (headers: Headers) => (await ask(headers, 'GET', '/users/me')).statusCode === 200;
  const revoked = await createKey(owner.session, USER_SCOPES);
  const expired = await createKey(owner.session, USER_SCOPES);
  const disabled = await createTenant('disabled');
  const keyOfDisabled = await createKey(disabled.session, USER_SCOPES);
  const before = [revoked.headers, expired.headers, disabled.session, keyOfDisabled.headers];
  for (const headers of before) t.ok(await isValid(headers), 'the credential was valid');

  await ask(owner.session, 'DELETE', `/api-keys/${revoked.id}`);
  await services.database.pool.query(
    "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1",
    [expired.id],
  );
  await services.database.changes.caughtUp();
  await ask(admin.session, 'PATCH', `/users/${disabled.id}`, { disabled: true });
  const claims = { userId: owner.id, sessionId, scopes: USER_SCOPES };
  const { accessTokens } = services.auth.accounts;
  const fresh = (await accessTokens.sign(claims)).token;
  t.ok(
    await isValid({ authorization: `Bearer ${fresh}` }),
    'the token would be valid if it were not expired',
  );
  const old = (await accessTokens.sign(claims, new Date(Date.now() - 3_600_000))).token;

  const refused: [name: string, headers: Headers][] = [
    ['a malformed header', { authorization: 'Basic b3duZXI6cGFzc3dvcmQ=' }],
    ['an expired access token', { authorization: `Bearer ${old}` }],
    ['a revoked key', revoked.headers],
    ['an expired key', expired.headers],
    ['a disabled user', disabled.session],
    ['a key of a disabled user', keyOfDisabled.headers],
  ];
  return [
    { name: 'nobody', headers: {}, refusedWith: 'authentication_required', scopes: [] },
    ...refused.map(
      ([name, headers]): Principal => ({ name, headers, refusedWith: 'invalid_credential', scopes: [] }),
    ),
  ];
}

/** What is wrong with the status, the code and the scope of an answer. */
function statusFaults(
  route: RegisteredRoute,
  { status, code, scope }: Expected,
  answer: LightMyRequestResponse,
) {
  const { statusCode, headers, body } = answer;
  const documented = operationOf(document, route)?.responses;
  if (status === 'success') {
    const isGood =
      statusCode < 400 &&
      (route.method === 'OPTIONS' || (documented?.[statusCode] ?? statusCode) !== undefined);
    return isGood ? [] : [`${statusCode} instead of a success: ${body.slice(0, 300)}`];
  }
  if (statusCode !== status) return [`${statusCode} instead of ${status}: ${body.slice(0, 300)}`];
  const challenge = String(headers['www-authenticate'] ?? '');
  const faults: string[] = [];
  if (route.method !== 'HEAD') {
    const problem = answer.json();
    if (problem.code !== code) faults.push(`${problem.code} instead of ${code}`);
    if (scope !== undefined && !problem.detail.includes(`scope ${scope},`))
      faults.push('the problem does not name the scope');
  }
  if (status === 401 && !challenge.startsWith('Bearer realm="')) faults.push('no challenge');
  const named = scope && `error="insufficient_scope", scope="${scope}"`;
  if (named !== undefined && !challenge.includes(named)) faults.push(`the challenge is ${challenge}`);
  return faults;
}

t.test('every route answers everybody as it declares', async (t) => {
  const secrets = [
    ...Object.values(content).filter((id) => id.length > 30),
    sessionId,
    keyId,
    owner.id,
    owner.email,
  ];
  const refused = await makeRefused();
  const keys = new Map<string, Promise<Headers>>();
  const keyWith = (scopes: readonly Scope[]) => {
    const name = scopes.join(' ');
    const holder = scopes.every((scope) => USER_SCOPES.includes(scope)) ? owner : served.admin;
    const key = keys.get(name) ?? served.createKey(holder.session, scopes).then(({ headers }) => headers);
    keys.set(name, key);
    return key;
  };

  const faults: string[] = [];
  let cells = 0;
  const isLast = ({ method, url }: RegisteredRoute) => Number(ENDS_SESSIONS.test(`${method} ${url}`));
  for (const route of routes.toSorted((a, b) => isLast(a) - isLast(b))) {
    const { method, url, access } = route;
    const { length } = await principalsFor(route, keyWith, refused);
    for (let index = 0; index < length; index += 1) {
      cells += 1;
      // Again for each cell, because some end sessions.
      const principal = (await principalsFor(route, keyWith, refused))[index] as Principal;
      const expected = expectedOf(route, principal);
      const answer = await request(route, principal, expected);
      const found = [...statusFaults(route, expected, answer), ...cacheFaults(route.access, answer.headers)];
      if (!principal.isOwner && access !== 'public' && access !== 'admin') {
        const sent = route.url.includes(':id') ? idOf(route.url) : '';
        const seen = secrets.find((secret) => secret !== sent && answer.body.includes(secret));
        if (seen !== undefined) found.push(`it shows ${seen} of the owner`);
      }
      faults.push(...found.map((fault) => `${method} ${url} (${access}), ${principal.name}: ${fault}`));
      if (!isLast(route) || expected.status !== 'success') continue;
      for (const tenant of [owner, other, served.admin]) {
        if (tenant.session.authorization === principal.headers.authorization)
          tenant.session = await served.logIn(tenant.email);
      }
    }
  }
  t.comment(`${cells} cells of ${routes.length} routes`);
  t.strictSame(faults, []);
  for (const [path, who] of [
    [`/images/${content.image}/content`, owner],
    [`/artifacts/${content.mask}/content`, owner],
    [`/frame-sets/${content.frameSet}`, owner],
    [`/api-keys/${keyId}`, owner],
  ] as const)
    t.equal((await served.ask(who.session, 'GET', path)).statusCode, 200, `${path} is still there`);
});

t.test('no route is outside of the matrix, and the document says the same', async (t) => {
  const undeclared = routes.filter(({ access }) => access === undefined);
  t.strictSame(undeclared, []);
  const names = routes.map(({ method, url }) => `${method} ${url}`);
  for (const hidden of [
    'GET /openapi.json',
    'GET /docs',
    'GET /metrics',
    'HEAD /images/:id/content',
    'OPTIONS *',
  ])
    t.ok(names.includes(hidden), hidden);
  const documents: AccessDocument[] = [document, (await served.ask({}, 'GET', '/openapi-3.0.json')).json()];
  for (const described of documents) {
    let count = 0;
    for (const route of routes) {
      const operation = operationOf(described, route);
      if (operation === undefined) {
        t.equal(route.access, 'public', `${route.method} ${route.url} is not documented, so it is public`);
        continue;
      }
      count += 1;
      t.strictSame(operation.security, securityOf(route.access), `${route.method} ${route.url}`);
      const { responses, description = '' } = operation;
      if (route.access === 'public') continue;
      t.ok('401' in responses && '403' in responses, `${operation.operationId} has 401 and 403`);
      if (isScope(route.access)) t.match(description, `Needs the scope \`${route.access}\`.`);
    }
    const documented = Object.values(described.paths).flatMap((methods) => Object.keys(methods));
    const heads = routes.filter((route) => route.method === 'HEAD' && operationOf(described, route)).length;
    t.equal(count - heads, documented.length, 'every operation of the document is a route');
  }
});

function securityOf(access: RouteAccess | undefined): object[] {
  if (access === 'public') return [];
  if (access === 'session') return [{ access_token: [] }];
  return [{ access_token: isScope(access) ? [access] : [] }, { api_key: [] }];
}

t.test('a route that does not say who may use it stops the start', async (t) => {
  const app = Fastify();
  t.teardown(() => app.close());
  await app.register(routeAccess);
  app.get('/declared', { config: { access: 'public' } }, async () => 'fine');
  await app.register(async (scope) => {
    scope.get('/forgotten', async () => 'open to everybody');
    scope.post('/hidden', { schema: { hide: true } }, async () => 'open to everybody');
  });
  await t.rejects(
    async () => app.ready(),
    /do not declare config\.access: GET \/forgotten; HEAD \/forgotten; POST \/hidden\./,
  );
});
