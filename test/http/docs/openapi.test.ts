import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import t from 'tap';
import { recordAnswers } from '../../../scripts/docs/answer-examples.ts';
import { ERROR_CODES } from '../../../src/core/errors.ts';
import { PROBLEM_EXAMPLES, PROBLEMS } from '../../../src/http/problems/problems.ts';
import { createTestApp, multipartBody, type TestApp } from '../../support/app.ts';

interface Media {
  schema?: Record<string, unknown>;
  example?: unknown;
  examples?: Record<string, { value?: unknown; $ref?: string }>;
}
interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    example?: unknown;
    schema?: { default?: unknown };
  }[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, Response>;
}
interface Response {
  $ref?: string;
  description: string;
  content?: Record<string, Media>;
}
interface Document {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Record<string, unknown>>;
    responses: Record<string, Response>;
    examples: Record<string, unknown>;
  };
}

let served: TestApp;
let text: string;
let document: Document;

t.before(async () => {
  served = await createTestApp(t);
  text = (await served.send('GET', '/openapi.json')).body;
  document = JSON.parse(text);
});

/** The shared answer that a reference is for, with the description at the reference. */
function followed(response: Response): Response {
  return { ...document.components.responses[response.$ref?.split('/').at(-1) ?? ''], ...response };
}

/** Every operation with its method and path, and with shared answers in place of the references to them. */
function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([url, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => {
      const answers = Object.entries(operation.responses);
      const responses = Object.fromEntries(answers.map(([status, answer]) => [status, followed(answer)]));
      return [`${method.toUpperCase()} ${url}`, { ...operation, responses }];
    }),
  );
}

/** Everything that is an object in the document, with the key that it stands under. */
function* walk(value: unknown, key = ''): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [key, value as Record<string, unknown>];
  for (const [name, item] of Object.entries(value)) yield* walk(item, name);
}

t.test('every operation is described', async (t) => {
  const declared = new Set(document.tags.map(({ name }) => name));
  const ids = new Set<string>();
  for (const [name, operation] of operations()) {
    const { operationId = '', summary = '', description = '', tags = [] } = operation;
    t.match(operationId, /^[a-z][A-Za-z]+$/, `${name} has an operationId`);
    t.notOk(ids.has(operationId), `${name} has an operationId of its own`);
    ids.add(operationId);
    t.match(summary, /^[A-Z].{3,60}[^.]$/, `${name} has a summary`);
    t.match(description, /^[A-Z`].*\.$/s, `${name} has a description`);
    t.equal(tags.length, 1, `${name} has one tag`);
    t.ok(declared.has(tags[0] ?? ''), `${name}: its tag ${tags[0]} is described`);
    for (const parameter of operation.parameters ?? []) {
      t.ok(parameter.description, `${name}: its parameter ${parameter.name} is described`);
    }
    const statuses = Object.keys(operation.responses).map(Number);
    t.ok(statuses.includes(500) && statuses.includes(400) && statuses.includes(403), `${name} can fail`);
    t.notOk(name.startsWith('HEAD'), `${name} is not repeated`);
    for (const [status, { description: meaning, content = {} }] of Object.entries(operation.responses)) {
      t.not(meaning, 'Default Response', `${name} says what ${status} means`);
      for (const [type, { examples = {} }] of Object.entries(content)) {
        if (type !== 'application/problem+json') continue;
        const codes = Object.keys(examples);
        const named = codes.filter((code) => meaning.includes(`\`${code}\``));
        t.ok(named.length > 0, `${name} names its codes of ${status}`);
        for (const code of codes) {
          t.equal(PROBLEMS[code as keyof typeof PROBLEMS]?.status, Number(status), `${code} is a ${status}`);
        }
      }
    }
  }
});

t.test('what has a default need not be given', async (t) => {
  for (const [name, { parameters = [] }] of operations()) {
    for (const { name: parameter, in: place, required, schema } of parameters) {
      if (place !== 'query') continue;
      t.notOk(required && schema?.default !== undefined, `${name}: ${parameter} may be left out`);
    }
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const { required = [], properties = {} } = schema as {
      required?: string[];
      properties?: Record<string, { default?: unknown }>;
    };
    for (const property of required) {
      t.equal(properties[property]?.default, undefined, `${name}: ${property} may be left out`);
    }
  }
});

t.test('unknown query parameters are faults wherever a request is validated', async (t) => {
  const id = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
  for (const [name, { responses, requestBody }] of operations()) {
    // Scrapers may add parameters to /metrics; its 422 is about X-On-Behalf-Of.
    if (!('422' in responses) || name === 'GET /metrics') continue;
    const [method, url = ''] = name.split(' ');
    const body = Object.keys(requestBody?.content ?? {});
    const [form] = body.filter((type) => type !== 'application/json');
    const headers =
      form === 'multipart/form-data' ? multipartBody([]).headers : { 'content-type': form ?? '' };
    const response = await served.send(
      method as 'GET',
      `${url.replaceAll(/\{\w+\}/g, url.includes('/frames/') ? '1' : id)}?nope=1`,
      body.length > 0 && form === undefined ? {} : undefined,
      form === undefined ? {} : headers,
    );
    t.equal(response.statusCode, 422, `${name}: ${response.body}`);
    const places = response
      .json()
      .errors.map((fault: { location: string; path: string }) => fault.location + fault.path);
    t.ok(places.includes('query/nope'), `${name}: ${places}`);
  }
});

t.test('every error code has a problem that shows it', async (t) => {
  t.strictSame(Object.keys(PROBLEM_EXAMPLES).sort(), [...ERROR_CODES].sort());
  for (const code of ERROR_CODES) {
    const { title, when, status } = PROBLEMS[code];
    t.match(title, /^[A-Z][^.]+$/);
    t.match(when, /^[A-Z`].+\.$/, `${code} says when it happens`);
    t.ok(status >= 400 && status < 600);
  }
});

t.test('its schemas are named components of JSON Schema alone', async (t) => {
  for (const name of Object.keys(document.components.schemas)) t.match(name, /^[A-Z][A-Za-z]+$/);
  const foreign = new Set(['$id', 'errorMessage', 'nullable', 'instanceof', 'transform', 'x-body-examples']);
  const objects = [...walk(document)];
  const misplaced = objects.flatMap(([key, object]) =>
    Object.keys(object).filter((name) => !['properties', 'mapping'].includes(key) && foreign.has(name)),
  );
  t.strictSame(misplaced, [], 'nothing of other dialects is left');
  const references = objects.flatMap(([, { $ref }]) => (typeof $ref === 'string' ? [$ref] : []));
  t.ok(references.length > 100);
  t.strictSame(
    references.filter(
      (reference) => !/^#\/components\/(schemas|responses|links|examples)\/[\w.]+$/.test(reference),
    ),
    [],
  );
});

/** Gives a function that validates values by schemas of the document. */
function documentValidator() {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(JSON.parse(text.replaceAll('"discriminator"', '"x-discriminator"')), 'openapi.json');
  const validators = new Map<string, ReturnType<typeof ajv.compile>>();
  return (schema: unknown, value: unknown) => {
    const pointed = JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/');
    const validate = validators.get(pointed) ?? ajv.compile(JSON.parse(pointed));
    validators.set(pointed, validate);
    return validate(value) ? [] : (validate.errors ?? []);
  };
}

t.test('every example fits its schema', async (t) => {
  const errorsOf = documentValidator();
  const misfits: string[] = [];
  const check = (schema: unknown, value: unknown, name: string) => {
    const errors = errorsOf(schema, value);
    if (errors.length > 0) misfits.push(`${name}: ${JSON.stringify(errors)}`);
  };
  let checked = 0;
  for (const [key, object] of walk(document)) {
    if (!Array.isArray(object.examples)) continue;
    for (const example of object.examples) check(object, example, key);
    checked += object.examples.length;
  }
  for (const [name, operation] of operations()) {
    const bodies = Object.values(operation.requestBody?.content ?? {});
    const answers = Object.values(operation.responses).flatMap(({ content }) => Object.values(content ?? {}));
    for (const { schema, example, examples = {} } of [...bodies, ...answers]) {
      if (example !== undefined) check(schema, example, name);
      for (const [example, { value, $ref }] of Object.entries(examples)) {
        const shown = $ref ? PROBLEM_EXAMPLES[$ref.split('/').at(-1) ?? '']?.value : value;
        check(schema, shown, `${name}, ${example}`);
        checked += 1;
      }
    }
  }
  t.strictSame(misfits, []);
  t.ok(checked > 100, `${checked} examples`);
});

/** The value with the type of each part in its place, and of lists only the first item. */
function shapeOf(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

t.test('the answers in the document are those that the server gives today', async (t) => {
  const empty = await createTestApp(t);
  const today = await recordAnswers(empty.app);
  const shown = Object.fromEntries(
    operations().flatMap(([, { operationId = '', responses }]) => {
      const media = Object.values(responses).flatMap(({ content }) => Object.values(content ?? {}));
      const [example] = media.flatMap(({ example }) => (example === undefined ? [] : [example]));
      return example === undefined ? [] : [[operationId, example]];
    }),
  );
  t.ok(Object.keys(shown).length > 40);
  t.strictSame(shapeOf(shown), shapeOf(today), 'else run npm run docs');
});

t.test(
  'every example of a body or a query works, and the server requires what the document requires',
  async (t) => {
    const errorsOf = documentValidator();
    const sides = { width: 1200, height: 900, channels: 3 as const };
    const noise = { type: 'gaussian' as const, mean: 128, sigma: 40 };
    const bytes = await sharp({ create: { ...sides, background: '#000000', noise } })
      .jpeg()
      .toBuffer();
    const uploaded = (await served.upload({ bytes, filename: 'photo.jpg' })).json();
    const image: string = uploaded.results[0].image.id;
    const made = await served.send('POST', `/images/${image}/resize`, { width: 600 });
    const histogram = await served.send('POST', `/images/${image}/histogram`, {});
    const mask = await served.send('POST', `/images/${image}/segmentation`, {});
    const csv = multipartBody([{ bytes: Buffer.from('depth,col1\n9000.1,7\n9000.2,8\n'), field: 'file' }]);
    const log = await served.app.inject({
      method: 'POST',
      url: '/upload',
      headers: csv.headers,
      payload: csv.body,
    });
    /** Of the kind that the path is for. */
    const idFor = (template: string): string => {
      if (template.startsWith('/images')) return image;
      if (template.startsWith('/frame-sets')) return log.json().id;
      if (template === '/artifacts/{id}/plot') return histogram.json().id;
      return template.startsWith('/artifacts/{id}/segments') ? mask.json().id : made.json().id;
    };
    let sent = 0;
    for (const [name, operation] of operations()) {
      const [method = '', template = ''] = name.split(' ');
      const url = template.replace('{id}', idFor(template));
      for (const { schema, examples = {} } of Object.values(operation.requestBody?.content ?? {})) {
        for (const [example, { value }] of Object.entries(examples)) {
          const answer = await served.send(method as 'POST', url, value as object);
          t.ok([200, 201].includes(answer.statusCode), `${name}, ${example}: ${answer.body.slice(0, 300)}`);
          sent += 1;
          for (const key of Object.keys(value as object)) {
            const { [key]: _removed, ...rest } = value as Record<string, unknown>;
            if (errorsOf(schema, rest).length === 0) continue;
            const refused = await served.send(method as 'POST', url, rest);
            t.equal(refused.statusCode, 422, `${name}, ${example} without ${key}`);
          }
        }
      }
      if (operation.requestBody) {
        const { statusCode } = await served.send(method as 'POST', url);
        t.equal(statusCode >= 400, operation.requestBody.required === true, `${name} without a body`);
      }
      const filledIn = (operation.parameters ?? []).filter(({ example }) => example !== undefined);
      if (filledIn.length === 0) continue;
      const query = new URLSearchParams();
      for (const parameter of filledIn) query.set(parameter.name, String(parameter.example));
      const answer = await served.send('GET', `${url}?${query}`);
      t.equal(answer.statusCode, 200, `${name} with ${query}`);
      sent += 1;
    }
    t.ok(sent >= 20, `${sent} requests`);
  },
);
