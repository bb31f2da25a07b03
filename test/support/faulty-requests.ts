/** Requests as large as the server accepts, with a fault almost everywhere, for every endpoint of an OpenAPI document. */

export interface JsonSchema {
  $ref?: string;
  type?: string;
  items?: JsonSchema;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

export interface Endpoint {
  parameters?: { name: string; in: string; schema: JsonSchema }[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
}

export interface OpenApiDocument {
  paths: Record<string, Record<string, Endpoint>>;
  components: { schemas: Record<string, JsonSchema> };
}

export interface FaultyRequest {
  /** Endpoint and kind of value, for messages. */
  what: string;
  method: string;
  url: string;
  /** A JSON body. */
  payload?: string;
}

const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const MIB = 1024 * 1024;
/** Characters of a URL. Node accepts 16 KiB for a request's line and headers together. */
const URL_LENGTH = 15_000;
const SCALARS = ['string', 'number', 'integer', 'boolean'];

function repeated(item: string, separator: string, length: number): string {
  return Array(Math.floor(length / (item.length + separator.length)))
    .fill(item)
    .join(separator);
}

const filled = (item: string): string => `[${repeated(item, ',', MIB - 1000)}]`;
const many = (item: string, count: number): string => `[${Array(count).fill(item).join(',')}]`;

/** JSON values of nearly 1 MiB, or of nearly as many values as the server parses (75,000). */
const JSON_VALUES: Record<string, string> = {
  'empty arrays': filled('[]'),
  'empty objects': filled('{}'),
  numbers: filled('1e400'),
  texts: filled('""'),
  'objects with unknown members': filled('{"a":1,"b":[],"c":{}}'),
  'unknown members': `{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
  'arrays in arrays': '['.repeat(MIB / 2 - 1000) + ']'.repeat(MIB / 2 - 1000),
  'objects in objects': `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`,
  'many empty arrays': many('[]', 37_000),
  'many numbers': many('1e400', 74_000),
  'many points': many('{"x":1,"y":-1}', 24_000),
  'many unknown members': `{${Array.from({ length: 70_000 }, (_, i) => `"k${i}":1`).join(',')}}`,
  'many arrays in arrays': many(`${'['.repeat(45)}${']'.repeat(45)}`, 1_600),
  'a long text': `"${'x'.repeat(MIB - 1000)}"`,
  'a long name': `{"${'/~'.repeat(MIB / 2 - 1000)}":1}`,
};

/** Values of a query parameter that fill a URL. */
const QUERY_VALUES: Record<string, string> = {
  'a long text': 'x'.repeat(URL_LENGTH),
  digits: '9'.repeat(URL_LENGTH),
  'a long list': repeated('1', ',', URL_LENGTH),
  'a long list of points': repeated('1,2', ';', URL_LENGTH),
  separators: ';,'.repeat(URL_LENGTH / 2),
  'escaped bytes that are not UTF-8': '%FF'.repeat(URL_LENGTH / 3),
  'escaped NUL': '%00'.repeat(URL_LENGTH / 3),
};

/** The endpoints of a document: method in capitals, path as in the document. */
export function* endpointsOf({
  paths,
}: OpenApiDocument): Generator<{ method: string; path: string } & Endpoint> {
  for (const [path, methods] of Object.entries(paths))
    for (const [method, endpoint] of Object.entries(methods))
      yield { ...endpoint, method: method.toUpperCase(), path };
}

export function resolveSchema(schema: JsonSchema, { components }: OpenApiDocument): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  const named = name === undefined ? schema : components.schemas[name];
  if (named === undefined) throw new Error(`There is no schema ${name}.`);
  return named;
}

const urlOf = (path: string): string => path.replaceAll(/\{\w+\}/g, ID);

/** Each value as the whole body, and as each member that is not a scalar. Endpoints with equal bodies are tried once. */
export function* faultyBodies(document: OpenApiDocument): Generator<FaultyRequest> {
  const tried = new Set<string>();
  for (const { method, path, requestBody } of endpointsOf(document)) {
    const body = requestBody?.content['application/json']?.schema;
    if (body === undefined || tried.has(JSON.stringify(body))) continue;
    tried.add(JSON.stringify(body));
    const members = Object.entries(resolveSchema(body, document).properties ?? {})
      .filter(([, schema]) => !SCALARS.includes(resolveSchema(schema, document).type ?? ''))
      .map(([name]) => name);
    for (const [kind, value] of Object.entries(JSON_VALUES)) {
      const what = `${method} ${path}, ${kind}`;
      const url = urlOf(path);
      yield { what, method, url, payload: value };
      for (const name of members) yield { what, method, url, payload: `{${JSON.stringify(name)}:${value}}` };
    }
  }
}

/** Each value for each query parameter; each parameter many times; many unknown ones. */
export function* faultyQueries(document: OpenApiDocument): Generator<FaultyRequest> {
  for (const { method, path, parameters = [] } of endpointsOf(document)) {
    const names = parameters.flatMap((parameter) => (parameter.in === 'query' ? parameter.name : []));
    const url = urlOf(path);
    const unknown = Array.from({ length: URL_LENGTH / 10 }, (_, i) => `k${i}=1`).join('&');
    yield { what: `${method} ${path}, unknown parameters`, method, url: `${url}?${unknown}` };
    for (const name of names) {
      const what = `${method} ${path}?${name}`;
      yield { what: `${what}, many times`, method, url: `${url}?${repeated(`${name}=1`, '&', URL_LENGTH)}` };
      for (const [kind, value] of Object.entries(QUERY_VALUES))
        yield { what: `${what}, ${kind}`, method, url: `${url}?${name}=${value}`.slice(0, URL_LENGTH) };
    }
  }
}
