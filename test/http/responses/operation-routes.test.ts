import { createHash } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { LightMyRequestResponse } from 'fastify';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { OPERATIONS } from '../../../src/operations.ts';
import type { Operation, View } from '../../../src/work/operation.ts';
import type { BytesAnswer, BytesGet, OperationRoute } from '../../../src/work/routes.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';

/**
 * The one contract of everything that computes, generated from the list of operations: each route that one declares, on an
 * image and on an artifact.
 */

const NOBODY = '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';
const ALL: Operation[] = Object.values(OPERATIONS);

let served: TestApp;
let paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
let document: { components: { schemas: Record<string, object> } };
let ajv: Ajv2020;
/** A picture of each resource: its path, and that of one that does not exist. */
let resources: { type: 'image' | 'artifact'; path: string; template: string; missing: string }[];

t.before(async () => {
  served = await createTestApp(t);
  const text = (await served.send('GET', '/openapi.json')).body;
  document = JSON.parse(text);
  paths = JSON.parse(text).paths;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(JSON.parse(text.replaceAll('"discriminator"', '"x-discriminator"')), 'openapi.json');
  const image = await uploadPicture();
  const resized = (await served.send('POST', `/images/${image}/resize`, { width: 360 })).json();
  resources = (
    [
      ['image', image],
      ['artifact', resized.id],
    ] as const
  ).map(([type, id]) => ({
    type,
    path: `/${type}s/${id}`,
    template: `/${type}s/{id}`,
    missing: `/${type}s/${NOBODY}`,
  }));
});

/** Objects of several sizes and colours on a background. */
async function uploadPicture(): Promise<string> {
  const [width, height] = [480, 360];
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isObject = (x % 120) ** 2 + (y % 90) ** 2 < 1600 || (x > 200 && x < 260 && y > 100 && y < 300);
      const color = isObject ? [200, 118 + (x % 20), 27] : [30, 40 + (y % 30), 60];
      pixels.set(color, (y * width + x) * 3);
    }
  }
  const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  const uploaded = await served.upload({ bytes, filename: 'objects.png' });
  return uploaded.json().results[0].image.id;
}

/** The status is one that the document knows for this operation of it. */
function isDocumented(t: Test, method: string, template: string, { statusCode }: LightMyRequestResponse) {
  const operation = paths[template]?.[method.toLowerCase()];
  t.ok(operation?.responses[statusCode], `${method} ${template} documents ${statusCode}`);
}

function fitsSchema(t: Test, name: string, body: unknown) {
  t.ok(document.components.schemas[name], `${name} is a component`);
  const validate = ajv.getSchema(`openapi.json#/components/schemas/${name}`);
  t.ok(validate?.(body), `${name}: ${JSON.stringify(validate?.errors)}`);
}

/** The media type is one of those declared, and JSON is what its schema says. */
function isAsDeclared(t: Test, { content }: BytesAnswer, answer: LightMyRequestResponse) {
  const type = String(answer.headers['content-type']).split(';')[0] ?? '';
  const declared = content[type];
  t.ok(declared, `${type} is declared`);
  if (declared?.schema.$ref) fitsSchema(t, declared.schema.$ref, answer.json());
}

const queryOf = (values: Record<string, unknown> = {}) =>
  new URLSearchParams(Object.entries(values).map(([name, value]): [string, string] => [name, String(value)]));

/** What a GET of bytes does, whatever they are. */
async function answersWithBytes(t: Test, url: string, template: string, bytes: BytesAnswer) {
  const { send } = served;
  const first = await send('GET', url);
  t.equal(first.statusCode, 200, first.body.slice(0, 300));
  isDocumented(t, 'GET', template, first);
  isAsDeclared(t, bytes, first);
  const etag = String(first.headers.etag);
  t.match(etag, /^"[0-9a-f]{64}"$/, 'a strong ETag');
  t.notOk(first.headers.location, 'nothing was created');
  const location = String(first.headers['content-location']);
  t.match(location, /^\/artifacts\/[0-9a-f-]{36}\//, 'Content-Location names the artifact');
  const there = await send('GET', location);
  t.ok(there.rawPayload.equals(first.rawPayload), 'where the same bytes are');
  t.equal(first.headers.vary, undefined, 'Accept plays no part');

  const second = await send('GET', url, undefined, { accept: 'text/html' });
  t.equal(second.statusCode, 200);
  t.match(
    { etag: second.headers.etag, location: second.headers['content-location'] },
    { etag, location },
    'the second time it is the same artifact',
  );
  t.ok(second.rawPayload.equals(first.rawPayload));
  const known = await send('GET', url, undefined, { 'if-none-match': etag });
  t.equal(known.statusCode, 304);
  isDocumented(t, 'GET', template, known);
  const part = await send('GET', url, undefined, { range: 'bytes=0-9' });
  t.equal(part.statusCode, 206);
  isDocumented(t, 'GET', template, part);
  t.ok(part.rawPayload.equals(first.rawPayload.subarray(0, 10)));
  const outside = await send('GET', url, undefined, { range: 'bytes=999999999-' });
  t.equal(outside.statusCode, 416);
  isDocumented(t, 'GET', template, outside);
  const other = await send('GET', url, undefined, { 'if-match': '"other"' });
  t.equal(other.statusCode, 412);
  isDocumented(t, 'GET', template, other);
  const head = await send('HEAD', url);
  t.equal(head.headers['content-length'], String(first.rawPayload.length));
  return { etag, artifactId: location.split('/')[2] ?? '', body: first.rawPayload };
}

/** What every route refuses, in the same way. */
async function refuses(t: Test, method: 'GET' | 'POST', path: string, missing: string, template: string) {
  const { send } = served;
  const body = method === 'POST' ? { nonsense: 1 } : undefined;
  const suffix = method === 'POST' ? '' : '?nonsense=1';
  const location = method === 'POST' ? 'body' : 'query';
  const unknown = await send(method, `${path}${suffix}`, body);
  t.equal(unknown.statusCode, 422);
  isDocumented(t, method, template, unknown);
  t.ok(
    unknown
      .json()
      .errors.some(
        (fault: { location: string; path: string }) =>
          fault.location === location && fault.path === '/nonsense',
      ),
    unknown.body,
  );
  const notAnId = await send(method, missing.replace(NOBODY, 'seven'), method === 'POST' ? {} : undefined);
  t.equal(notAnId.statusCode, 422);
  t.match(notAnId.json().errors[0], { location: 'path', path: '/id' });
}

async function isNotThere(t: Test, method: 'GET' | 'POST', url: string, template: string, body?: object) {
  const answer = await served.send(method, url, body);
  t.equal(answer.statusCode, 404, answer.body);
  isDocumented(t, method, template, answer);
}

for (const operation of ALL) {
  for (const route of operation.routes) {
    for (const index of [0, 1]) {
      const of = index === 0 ? 'an image' : 'an artifact';
      if (route.post?.answers === 'artifact') {
        t.test(`POST ${route.path} of ${of} makes an artifact and answers with it`, (t) =>
          testArtifactPost(t, operation, route, index),
        );
      }
      if (route.post?.answers === 'bytes') {
        t.test(`POST ${route.path} of ${of} answers with the bytes`, (t) => testBytesPost(t, route, index));
      }
      const { get } = route;
      if (get) {
        t.test(`GET ${route.path} of ${of} answers with the thing itself`, (t) =>
          testGet(t, route, get, index),
        );
      }
    }
  }
  const { view } = operation;
  if (view) t.test(`GET ${view.artifactPath}: the same of a stored artifact`, (t) => testView(t, view));
}

async function testArtifactPost(
  t: Test,
  operation: Operation,
  { path, post }: OperationRoute,
  index: number,
) {
  const { send } = served;
  const resource = resources[index];
  if (post?.answers !== 'artifact' || resource === undefined) throw new Error('There is no such route.');
  const template = `${resource.template}/${path}`;
  const examples = Object.entries(post.examples);
  t.ok(examples.length > 0, 'it has an example');
  for (const [name, { value }] of examples) {
    const body = value as object;
    const first = await send('POST', `${resource.path}/${path}`, body);
    t.equal(first.statusCode, 201, `${name}: ${first.body.slice(0, 300)}`);
    isDocumented(t, 'POST', template, first);
    const artifact = first.json();
    const self = `/artifacts/${artifact.id}`;
    t.match(first.headers, {
      location: self,
      'content-location': self,
      'content-type': /^application\/json/,
    });
    const kind = operation.stores ?? '';
    t.match(artifact, { kind, operation: operation.name, version: operation.version, retention: 'kept' });
    t.equal(artifact.inputs[0].id, resource.path.split('/')[2]);
    fitsSchema(t, `${kind.charAt(0).toUpperCase()}${kind.slice(1)}Artifact`, artifact);
    fitsSchema(t, 'Artifact', artifact);
    t.strictSame((await send('GET', self)).json(), artifact, 'where it says');
    const second = await send('POST', `${resource.path}/${path}`, body, { accept: 'image/*' });
    t.equal(second.statusCode, 200, 'the second time it existed');
    isDocumented(t, 'POST', template, second);
    t.strictSame(second.json(), artifact, 'and is the same artifact, whatever Accept says');
    t.equal(second.headers.location, undefined);
    t.equal(second.headers['content-location'], self);
    await isNotThere(t, 'POST', `${resource.missing}/${path}`, template, body);
  }
  await refuses(t, 'POST', `${resource.path}/${path}`, `${resource.missing}/${path}`, template);
}

async function testBytesPost(t: Test, { path, post }: OperationRoute, index: number) {
  const { send } = served;
  const resource = resources[index];
  if (post?.answers !== 'bytes' || resource === undefined) throw new Error('There is no such route.');
  const template = `${resource.template}/${path}`;
  for (const { value } of Object.values(post.examples)) {
    const body = value as object;
    const first = await send('POST', `${resource.path}/${path}`, body);
    t.equal(first.statusCode, 200, first.body.slice(0, 300));
    isDocumented(t, 'POST', template, first);
    isAsDeclared(t, post.bytes, first);
    t.match(first.headers, {
      etag: /^"[0-9a-f]{64}"$/,
      'content-location': /^\/artifacts\/[0-9a-f-]{36}\/content$/,
    });
    t.equal(first.headers.location, undefined);
    const second = await send('POST', `${resource.path}/${path}`, body);
    t.equal(second.headers['content-location'], first.headers['content-location']);
    t.ok(second.rawPayload.equals(first.rawPayload));
    await isNotThere(t, 'POST', `${resource.missing}/${path}`, template, body);
  }
  await refuses(t, 'POST', `${resource.path}/${path}`, `${resource.missing}/${path}`, template);
}

async function testGet(t: Test, route: OperationRoute, get: BytesGet, index: number) {
  const resource = resources[index];
  if (resource === undefined) throw new Error('There is no such resource.');
  const template = `${resource.template}/${route.path}`;
  const query = `?${queryOf(get.example)}`;
  const url = `${resource.path}/${route.path}`;
  const { artifactId } = await answersWithBytes(t, url + query, template, get.bytes);
  if (route.post?.answers === 'artifact') {
    const posted = await served.send('POST', url, { ...get.example });
    t.equal(posted.json().id, artifactId, 'POST with the same parameters is the same artifact');
    t.equal(posted.json().retention, 'kept', 'which is kept from now on');
  }
  await isNotThere(t, 'GET', `${resource.missing}/${route.path}${query}`, template);
  await refuses(t, 'GET', url, `${resource.missing}/${route.path}`, template);
}

/** Number of computations so far. */
async function countRuns(): Promise<number> {
  const { values } = await served.services.metrics.imageOperations.get();
  return values.reduce((sum, { metricName, value }) => sum + (metricName?.endsWith('_count') ? value : 0), 0);
}

/** A view is kept as an artifact that is derived from what it shows. */
async function isForm(t: Test, { artifactId, body }: { artifactId: string; body: Buffer }) {
  const { send } = served;
  const { items } = (await send('GET', `/artifacts/${artifactId}/artifacts?kind=form`)).json();
  const sha256 = createHash('sha256').update(body).digest('hex');
  const form = items.find((item: { sha256: string }) => item.sha256 === sha256);
  t.match(form, { kind: 'form', retention: 'cached', result: {} });
  fitsSchema(t, 'FormArtifact', form);
  fitsSchema(t, 'Artifact', form);
  const content = await send('GET', form.content_url);
  t.ok(content.rawPayload.equals(body));
}

async function testView(t: Test, view: View) {
  const { send } = served;
  const [shown] = view.of.routes;
  const get = shown?.get;
  if (!shown || !get) throw new Error('A view is of something that can be had.');
  const own = `?${queryOf(view.example)}`;
  const values = { ...get.example, ...view.example };
  for (const resource of resources) {
    const path = `${shown.path}/${view.path}`;
    const template = `${resource.template}/${path}`;
    const made = await answersWithBytes(
      t,
      `${resource.path}/${path}?${queryOf(values)}`,
      template,
      view.bytes,
    );
    const runs = await countRuns();
    const artifactPath = `/artifacts/${made.artifactId}/${view.artifactPath}`;
    const stored = await answersWithBytes(
      t,
      artifactPath + own,
      `/artifacts/{id}/${view.artifactPath}`,
      view.bytes,
    );
    t.strictSame(stored, made, 'a stored artifact shows the same');
    t.equal(await countRuns(), runs, 'which is computed once');
    await isForm(t, made);
    await isNotThere(t, 'GET', `${resource.missing}/${path}?${queryOf(values)}`, template);
    await refuses(t, 'GET', `${resource.path}/${path}`, `${resource.missing}/${path}`, template);
  }
  const picture = resources.find(({ type }) => type === 'artifact');
  const wrong = await send('GET', `${picture?.path}/${view.artifactPath}${own}`);
  t.equal(wrong.statusCode, 422, 'an artifact of another kind');
  t.match(wrong.json().errors[0], { location: 'path', path: '/id' });
}

t.test('parts of stored artifacts', async (t) => {
  const { send } = served;
  for (const operation of ALL.filter(({ parts }) => parts.length > 0)) {
    const post = operation.routes.find((route) => route.post?.answers === 'artifact');
    const [example] = Object.values(post?.post?.examples ?? {});
    const made = await send('POST', `${resources[0]?.path}/${post?.path}`, example?.value as object);
    for (const { path, bytes } of operation.parts) {
      const template = `/artifacts/{id}/${path}`;
      await answersWithBytes(t, `/artifacts/${made.json().id}/${path}`, template, bytes);
      await isNotThere(t, 'GET', `/artifacts/${NOBODY}/${path}`, template);
      const wrong = await send('GET', `${resources[1]?.path}/${path}`);
      t.equal(wrong.statusCode, 422);
      t.match(wrong.json().errors[0], { location: 'path', path: '/id' });
    }
  }
});

t.test('no route to an operation is left out', async (t) => {
  const expected = ALL.flatMap(({ routes, parts, view }) => [
    ...routes.flatMap(({ path }) => [`/images/{id}/${path}`, `/artifacts/{id}/${path}`]),
    ...parts.map(({ path }) => `/artifacts/{id}/${path}`),
    ...(view === null ? [] : [`/artifacts/{id}/${view.artifactPath}`]),
  ]);
  t.ok(expected.length > 20);
  t.strictSame(
    expected.filter((path) => !(path in paths)),
    [],
  );
});

t.test('every operation is listed by its own name', async (t) => {
  t.equal(new Set(ALL.map(({ name }) => name)).size, ALL.length);
  for (const [name, operation] of Object.entries(OPERATIONS)) t.equal(operation.name, name);
});
