import t from 'tap';
import { createTestApp } from '../../support/app.ts';

/** Maximum CPU time of a request in milliseconds, on a machine that does other work, too. */
const MAX_CPU_MS = 500;
const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const MIB = 1024 * 1024;

interface JsonSchema {
  $ref?: string;
  type?: string;
  items?: JsonSchema;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

interface Endpoint {
  parameters?: { name: string; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
}

const filled = (item: string): string =>
  `[${Array(Math.floor((MIB - 1000) / (item.length + 1)))
    .fill(item)
    .join(',')}]`;

/** Values of nearly 1 MiB with a fault almost everywhere. */
const VALUES: Record<string, string> = {
  'empty arrays': filled('[]'),
  'empty objects': filled('{}'),
  numbers: filled('1e400'),
  texts: filled('""'),
  'objects with unknown members': filled('{"a":1,"b":[],"c":{}}'),
  'unknown members': `{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
  'arrays in arrays': '['.repeat(MIB / 2 - 1000) + ']'.repeat(MIB / 2 - 1000),
  'objects in objects': `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`,
  'a long text': `"${'x'.repeat(MIB - 1000)}"`,
  'a long name': `{"${'/~'.repeat(MIB / 2 - 1000)}":1}`,
};

t.test('no JSON body holds up other requests, and every array has a maximum length', async (t) => {
  const { app } = await createTestApp(t);
  const { paths, components } = (await app.inject('/openapi.json')).json();
  const resolve = (schema: JsonSchema): JsonSchema =>
    schema.$ref ? resolve(components.schemas[schema.$ref.split('/').at(-1) as string]) : schema;

  const unbounded: string[] = [];
  const findUnbounded = (reference: JsonSchema, where: string, seen: readonly JsonSchema[] = []): void => {
    const schema = resolve(reference);
    if (seen.includes(schema)) return;
    const { type, items, maxItems, properties = {}, anyOf = [], oneOf = [] } = schema;
    const next = [...seen, schema];
    if (type === 'array' && maxItems === undefined) unbounded.push(where);
    if (items) findUnbounded(items, `${where}/*`, next);
    for (const [name, member] of Object.entries(properties)) findUnbounded(member, `${where}/${name}`, next);
    for (const branch of [...anyOf, ...oneOf]) findUnbounded(branch, where, next);
  };

  const send = async (method: string, url: string, payload: string): Promise<number> => {
    const start = process.cpuUsage();
    const headers = { 'content-type': 'application/json' };
    const { statusCode, body } = await app.inject({ method: method as 'POST', url, payload, headers });
    const { user, system } = process.cpuUsage(start);
    if (statusCode < 400 || statusCode > 499 || body.length > 100_000)
      t.fail(`${method} ${url} ${payload.slice(0, 100)}: ${statusCode} ${body.slice(0, 300)}`);
    return (user + system) / 1000;
  };

  let count = 0;
  /** Images and artifacts share most bodies. */
  const tried = new Set<string>();
  for (const [path, methods] of Object.entries<Record<string, Endpoint>>(paths)) {
    for (const [method, { parameters = [], requestBody }] of Object.entries(methods)) {
      for (const { name, schema } of parameters) findUnbounded(schema, `${method} ${path}?${name}`);
      const body = requestBody?.content['application/json']?.schema;
      if (body === undefined) continue;
      findUnbounded(body, `${method} ${path}`);
      if (tried.has(JSON.stringify(body))) continue;
      tried.add(JSON.stringify(body));
      const url = path.replaceAll(/\{\w+\}/g, ID);
      const names = Object.entries(resolve(body).properties ?? {})
        .filter(
          ([, schema]) => !['string', 'number', 'integer', 'boolean'].includes(resolve(schema).type ?? ''),
        )
        .map(([name]) => name);
      for (const [what, value] of Object.entries(VALUES)) {
        let longest = 0;
        for (const payload of [value, ...names.map((name) => `{${JSON.stringify(name)}:${value}}`)]) {
          longest = Math.max(longest, await send(method.toUpperCase(), url, payload));
          count += 1;
        }
        t.ok(longest < MAX_CPU_MS, `${method} ${path}, ${what}: ${Math.round(longest)} ms of CPU`);
      }
    }
  }
  t.ok(count > 100, `${count} bodies`);
  t.strictSame(unbounded, []);
});
