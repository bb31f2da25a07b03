import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import { type AccessDocument, exampleBody, exampleQuery, type Operation } from './routes.ts';
import {
  type Content,
  createProtectedApp,
  makeContent,
  makeLog,
  makePicture,
  PASSWORD,
  type ProtectedApp,
  type Tenant,
} from './tenant.ts';

let served: ProtectedApp;
let document: AccessDocument;
let content: Content;
let user: Tenant;
/** The name of every column, as it is and in camel case. */
let names: string[];

t.before(async () => {
  served = await createProtectedApp(t, { REGISTRATION: 'open' });
  const { ask, admin, services } = served;
  document = (await ask({}, 'GET', '/openapi.json')).json();
  content = await makeContent(served, admin.session, { picture: await makePicture(), log: makeLog() });
  user = await served.createTenant('ada');
  const { rows } = await services.database.pool.query<{ name: string }>(
    `SELECT DISTINCT column_name AS name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`,
  );
  const columns = rows.map(({ name }) => name);
  t.ok(
    columns.includes('owner_id') && columns.includes('password_hash') && columns.length > 50,
    'all columns',
  );
  names = [...new Set([...columns, ...columns.map(inCamelCase)])];
});

const inCamelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** A hash of the rows of each table, without the turns of jobs, which are put in order in the background. */
async function readDatabase(): Promise<Record<string, string>> {
  const { pool } = served.services.database;
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'job_turns'`,
  );
  const hashes = tables.map(async ({ name }) => {
    const { rows } = await pool.query(
      `SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) AS hash FROM "${name}" t`,
    );
    return [name, rows[0].hash];
  });
  return Object.fromEntries(await Promise.all(hashes));
}

/** What a column of this name could be set to. */
function valueFor(name: string): string | boolean {
  if (/role/i.test(name)) return 'admin';
  if (/id$/i.test(name)) return served.admin.id;
  return /disabled/i.test(name) ? false : '1';
}

function operations(): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

function urlOf(path: string): string {
  const { image, picture, histogram, mask, frameSet, frame, job } = content;
  if (path.startsWith('/artifacts/{id}/segments')) return path.replace('{id}', mask);
  if (path.startsWith('/artifacts/{id}/plot')) return path.replace('{id}', histogram);
  const ids: Record<string, string> = {
    images: image,
    artifacts: picture,
    'frame-sets': frameSet,
    frames: frame,
    jobs: job,
  };
  return path.replace('{id}', ids[path.split('/')[1] ?? ''] ?? user.id);
}

/** Names in groups of which a problem lists every one. */
function* groups(all: readonly string[], size: number): Generator<string[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

/** Fails unless a request was refused because of every name. */
function requireRefused(
  t: Test,
  what: string,
  { statusCode, body }: LightMyRequestResponse,
  given: readonly string[],
) {
  if (statusCode !== 422)
    return t.fail(`${what} with ${given.join(', ')}: ${statusCode} ${body.slice(0, 300)}`);
  const refused: string[] = JSON.parse(body).errors.map(({ path }: { path: string }) =>
    path.split('/').at(-1),
  );
  const taken = given.filter((name) => !refused.includes(name));
  return taken.length === 0 || t.fail(`${what} takes ${taken.join(', ')}: ${body.slice(0, 300)}`);
}

const withoutDeclared = (declared: readonly string[]) => {
  const known = new Set([...declared, ...declared.map(inCamelCase)]);
  return names.filter((name) => !known.has(name));
};

interface BodySchema {
  $ref?: string;
  properties?: object;
  oneOf?: BodySchema[];
}

/** The properties of the schema of a JSON body, in all of its variants. */
function propertiesOf({ requestBody }: Operation, type: string): string[] {
  const schemas = document.components.schemas as Record<string, BodySchema>;
  const namesOf = (schema: BodySchema): string[] => {
    const { properties = {}, oneOf = [] } = schemas[schema.$ref?.split('/').at(-1) ?? ''] ?? schema;
    return [...Object.keys(properties), ...oneOf.flatMap(namesOf)];
  };
  return namesOf(requestBody?.content[type]?.schema ?? {});
}

/** Health checks and scrapers may add parameters, which are ignored. */
const IGNORES_QUERY = /^\/(health|metrics)/;

function ask(method: string, path: string, query: URLSearchParams, body: object | undefined) {
  const url = `${urlOf(path)}?${query}`;
  const form = body && path === '/auth/token' ? new URLSearchParams(Object.entries(body)).toString() : body;
  return served.ask(served.admin.session, method as 'GET', url, form);
}

t.test('no operation takes the name of a column in its query', async (t) => {
  const before = await readDatabase();
  let count = 0;
  for (const { method, path, operation } of operations()) {
    if (IGNORES_QUERY.test(path)) continue;
    const declared = (operation.parameters ?? []).map(({ name }) => name);
    for (const group of groups(withoutDeclared(declared), 40)) {
      count += 1;
      const query = new URLSearchParams(exampleQuery(operation));
      for (const name of group) query.set(name, String(valueFor(name)));
      const answer =
        path === '/images' || path === '/upload'
          ? await served.sendFile(served.admin.session, `${path}?${query}`, {
              name: 'a.csv',
              bytes: makeLog(),
            })
          : await ask(method, path, query, exampleBody(document, operation));
      requireRefused(t, `${method} ${path}`, answer, group);
    }
  }
  t.ok(count > 300, `${count} requests`);
  t.strictSame(await readDatabase(), before);
});

t.test('no operation takes the name of a column in its body', async (t) => {
  const before = await readDatabase();
  const bodies = operations().flatMap(({ method, path, operation }) => {
    const body = exampleBody(document, operation);
    const [type = ''] = Object.keys(operation.requestBody?.content ?? {});
    return body === undefined ? [] : [{ method, path, body, declared: propertiesOf(operation, type) }];
  });
  t.ok(bodies.length >= 24, `${bodies.length} operations with a body`);
  for (const { method, path, body, declared } of bodies) {
    t.ok(declared.length > 0, `${method} ${path} declares ${declared.join(', ')}`);
    for (const group of groups(withoutDeclared(declared), 40)) {
      const added = Object.fromEntries(group.map((name) => [name, valueFor(name)]));
      const answer = await ask(method, path, new URLSearchParams(), { ...body, ...added });
      requireRefused(t, `${method} ${path}`, answer, group);
    }
    // One that is null or false is not overlooked.
    for (const value of [null, false, 0, '', []]) {
      const answer = await ask(method, path, new URLSearchParams(), { ...body, owner_id: value });
      t.equal(answer.statusCode, 422, `${method} ${path} with owner_id ${JSON.stringify(value)}`);
    }
  }
  t.strictSame(await readDatabase(), before);
});

t.test('no step of a pipeline and no part of it takes the name of a column', async (t) => {
  const before = await readDatabase();
  const step = { op: 'composite', overlay: { image_id: content.image }, left: 0, top: 0 };
  const url = `/images/${content.image}/transform`;
  const { ask, admin } = served;
  const valid = await ask(admin.session, 'POST', `/images/${content.image}/render`, { operations: [step] });
  t.equal(valid.statusCode, 200);
  const { op, overlay } = step;
  const declared = [
    'op',
    'overlay',
    'left',
    'top',
    'blend',
    'opacity',
    'gravity',
    'format',
    'quality',
    'image_id',
    'artifact_id',
  ];
  for (const name of withoutDeclared(declared)) {
    const value = valueFor(name);
    const pipelines = [
      { operations: [{ ...step, [name]: value }] },
      { operations: [{ op, overlay: { ...overlay, [name]: value }, left: 0, top: 0 }] },
      ...(/^(width|height|colors|palette)$/.test(name)
        ? []
        : [{ operations: [step], output: { format: 'png', [name]: value } }]),
    ];
    for (const pipeline of pipelines)
      t.equal((await ask(admin.session, 'POST', url, pipeline)).statusCode, 422, JSON.stringify(pipeline));
  }
  const after = await readDatabase();
  // What was rendered first.
  for (const table of ['artifacts', 'artifact_inputs', 'blobs', 'blob_chunks']) delete before[table];
  t.match(after, before);
});

t.test('no form takes the name of a column as a field', async (t) => {
  const before = await readDatabase();
  const upload = operations().find(({ path }) => path === '/upload')?.operation;
  for (const [path, declared] of [
    ['/images', ['files', 'file']],
    ['/upload', ['file', ...(upload?.parameters ?? []).map(({ name }) => name)]],
  ] as const) {
    const bytes = path === '/images' ? await makePicture('#112233') : makeLog(9);
    for (const group of groups(withoutDeclared(declared), 15)) {
      const form = new FormData();
      for (const name of group) form.append(name, String(valueFor(name)));
      form.append('file', new File([new Uint8Array(bytes)], 'a.csv'));
      const encoded = new Response(form);
      const answer = await served.app.inject({
        method: 'POST',
        url: path,
        payload: Buffer.from(await encoded.arrayBuffer()),
        headers: { ...served.admin.session, 'content-type': String(encoded.headers.get('content-type')) },
      });
      requireRefused(t, `POST ${path}`, answer, group);
    }
  }
  t.strictSame(await readDatabase(), before);
});

t.test('nobody makes themselves an administrator, or somebody else', async (t) => {
  const { ask, admin, services } = served;
  const read = async (id: string) =>
    (await services.database.pool.query('SELECT * FROM users WHERE id = $1', [id])).rows[0];
  const before = await read(user.id);
  const wanted: Record<string, unknown> = {
    role: 'admin',
    id: admin.id,
    user_id: admin.id,
    owner_id: admin.id,
    password: PASSWORD,
    password_hash: 'x',
    disabled: false,
    storage_quota_bytes: null,
    stored_bytes: 0,
    scopes: ['admin'],
    isAdmin: true,
    is_admin: true,
    roles: ['admin'],
    Role: 'admin',
    'role ': 'admin',
    email_verified: true,
  };
  for (const [name, value] of Object.entries(wanted)) {
    const change = await ask(user.session, 'PATCH', '/users/me', { name: 'Eve', [name]: value });
    t.equal(change.statusCode, 422, `PATCH /users/me does not take ${name}`);
    if (name === 'password') continue;
    const email = 'eve@example.org';
    const signUp = await ask({}, 'POST', '/auth/sign-up', { email, password: PASSWORD, [name]: value });
    t.equal(signUp.statusCode, 422, `POST /auth/sign-up does not take ${name}`);
  }
  t.strictSame(await read(user.id), before);
  t.strictSame(
    (await services.database.pool.query("SELECT FROM users WHERE email = 'eve@example.org'")).rowCount,
    0,
  );

  const { role } = (
    await ask({}, 'POST', '/auth/sign-up', { email: 'eve@example.org', password: PASSWORD })
  ).json();
  t.equal(role, 'user', 'who signs up is a user');
  const key = await ask(user.session, 'POST', '/api-keys', { name: 'mine', scopes: ['admin'] });
  t.equal(key.statusCode, 403, 'a user makes no key with the scope admin');
  t.match(String(key.headers['www-authenticate']), /error="insufficient_scope", scope="admin"/);
  const token = new URLSearchParams({ username: user.email, password: PASSWORD, scope: 'images:read admin' });
  const logIn = await ask({}, 'POST', '/auth/token', token.toString());
  t.equal(logIn.statusCode, 403, 'and gets no token with it');
  t.match(String(logIn.headers['www-authenticate']), /error="insufficient_scope", scope="admin"/);
});

t.test('prototypes are no way around it, and headers say nothing of who asks', async (t) => {
  const { app, ask, admin } = served;
  for (const payload of [
    '{"name":"Eve","__proto__":{"role":"admin"}}',
    '{"name":"Eve","constructor":{"prototype":{"role":"admin"}}}',
    '{"name":"Eve","role":"user","role":"admin"}',
  ]) {
    const answer = await app.inject({
      method: 'PATCH',
      url: '/users/me',
      payload,
      headers: { ...user.session, 'content-type': 'application/json' },
    });
    t.ok([400, 422].includes(answer.statusCode), `${answer.statusCode} for ${payload}`);
  }
  const claims = [
    'x-user-id',
    'x-owner-id',
    'x-user',
    'x-remote-user',
    'x-forwarded-user',
    'x-role',
    'remote-user',
  ];
  for (const name of claims) {
    const answer = await ask({ ...user.session, [name]: admin.id }, 'GET', '/users/me');
    t.equal(answer.json().id, user.id, name);
    t.equal((await ask({ [name]: admin.id }, 'GET', '/users/me')).statusCode, 401, `${name} alone`);
  }
  t.equal((await ask(user.session, 'GET', '/users/me')).json().role, 'user');
});
