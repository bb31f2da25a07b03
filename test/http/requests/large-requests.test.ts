import t from 'tap';
import { createTestApp } from '../../support/app.ts';
import {
  endpointsOf,
  type FaultyRequest,
  faultyBodies,
  faultyQueries,
  type JsonSchema,
  type OpenApiDocument,
  resolveSchema,
} from '../../support/faulty-requests.ts';

/** Maximum CPU time of a request in milliseconds, on a machine that does other work, too. */
const MAX_CPU_MS = 500;

t.test('no JSON body and no query holds up other requests', async (t) => {
  const { app } = await createTestApp(t);
  const document: OpenApiDocument = (await app.inject('/openapi.json')).json();

  const cpuOf = async ({ what, method, url, payload }: FaultyRequest): Promise<number> => {
    const start = process.cpuUsage();
    const headers = payload === undefined ? {} : { 'content-type': 'application/json' };
    const response = await app.inject({
      method: method as 'POST',
      url,
      headers,
      ...(payload && { payload }),
    });
    const { user, system } = process.cpuUsage(start);
    const { statusCode, body } = response;
    if (statusCode > 499 || (statusCode > 399 && body.length > 100_000))
      t.fail(`${what}: ${statusCode} ${body.slice(0, 300)}`);
    return (user + system) / 1000;
  };

  for (const [kind, requests] of Object.entries({
    bodies: [...faultyBodies(document)],
    queries: [...faultyQueries(document)],
  })) {
    const slow: string[] = [];
    for (const request of requests) {
      const ms = await cpuOf(request);
      if (ms >= MAX_CPU_MS) slow.push(`${request.what}: ${Math.round(ms)} ms of CPU`);
    }
    t.ok(requests.length > 100, `${requests.length} ${kind}`);
    t.strictSame(slow, []);
  }
});

t.test('every array in a request has a maximum length', async (t) => {
  const { app } = await createTestApp(t);
  const document: OpenApiDocument = (await app.inject('/openapi.json')).json();
  const unbounded: string[] = [];
  const find = (reference: JsonSchema, where: string, seen: readonly JsonSchema[] = []): void => {
    const schema = resolveSchema(reference, document);
    if (seen.includes(schema)) return;
    const { type, items, maxItems, properties = {}, anyOf = [], oneOf = [] } = schema;
    const next = [...seen, schema];
    if (type === 'array' && maxItems === undefined) unbounded.push(where);
    if (items) find(items, `${where}/*`, next);
    for (const [name, member] of Object.entries(properties)) find(member, `${where}/${name}`, next);
    for (const branch of [...anyOf, ...oneOf]) find(branch, where, next);
  };
  let arrays = 0;
  for (const { method, path, parameters = [], requestBody } of endpointsOf(document)) {
    for (const { name, schema } of parameters) find(schema, `${method} ${path}?${name}`);
    const body = requestBody?.content['application/json']?.schema;
    if (body !== undefined) find(body, `${method} ${path}`);
    arrays += body === undefined ? 0 : 1;
  }
  t.ok(arrays > 5, `${arrays} bodies`);
  t.strictSame(unbounded, []);
});
