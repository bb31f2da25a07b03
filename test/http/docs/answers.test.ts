import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import t, { type Test } from 'tap';
import {
  type AnswersDocument,
  DocumentedAnswers,
  type SentAnswer,
} from '../../support/answers/documented-answers.ts';
import { watchNewInstances } from '../../support/answers/watch-answers.ts';
import { createWatchedApp } from '../../support/answers/watched-app.ts';
import { createTestApp } from '../../support/app.ts';

const PROBLEM = 'application/problem+json';

const document = {
  paths: {
    '/things/{id}': {
      get: {
        responses: {
          200: {
            headers: {
              etag: { required: true, schema: { type: 'string' } },
              'X-Count': { schema: { type: 'integer' } },
            },
            content: {
              'application/json': { schema: { $ref: '#/components/schemas/Thing' } },
              'image/*': { schema: { type: 'string', format: 'binary' } },
            },
          },
          304: {},
          404: { $ref: '#/components/responses/Problem', description: 'Missing (`not_found`)' },
        },
      },
    },
    '/lines': {
      get: {
        responses: {
          200: { content: { 'application/x-ndjson': { schema: { $ref: '#/components/schemas/Thing' } } } },
        },
      },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string', format: 'uuid' }, size: { type: ['integer', 'null'] } },
      },
      Problem: { type: 'object', required: ['code'], properties: { code: { type: 'string' } } },
    },
    responses: {
      Problem: { content: { [PROBLEM]: { schema: { $ref: '#/components/schemas/Problem' } } } },
    },
  },
} satisfies AnswersDocument;

const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

/** An answer that the document describes, with changes. */
function answer({
  headers = {},
  ...changes
}: Partial<Omit<SentAnswer, 'body'>> & { body?: unknown } = {}): SentAnswer {
  const body = 'body' in changes ? changes.body : { id: ID, size: null };
  const isDescribed = (changes.route ?? '/things/:id') === '/things/:id' && (changes.status ?? 200) === 200;
  const validator = isDescribed ? { etag: '"1"' } : {};
  return {
    method: 'GET',
    url: '/things/1',
    route: '/things/:id',
    status: 200,
    ...changes,
    headers: { 'content-type': 'application/json; charset=utf-8', date: 'today', ...validator, ...headers },
    body: typeof body === 'object' ? Buffer.from(JSON.stringify(body)) : Buffer.from(String(body)),
  };
}

t.test('answers that the document describes have no differences', async (t) => {
  const answers = new DocumentedAnswers(document);
  const lines = { url: '/lines', route: '/lines', headers: { 'content-type': 'application/x-ndjson' } };
  for (const [name, right] of Object.entries({
    JSON: answer(),
    'a header with a number': answer({ headers: { 'x-count': '12' } }),
    bytes: answer({ headers: { 'content-type': 'image/png' }, body: 'PNG' }),
    'no body': { ...answer({ status: 304 }), body: Buffer.alloc(0) },
    'no body for HEAD': { ...answer({ method: 'HEAD' }), body: Buffer.alloc(0) },
    'a body that was cut off': { ...answer(), body: undefined },
    'a problem': answer({ status: 404, headers: { 'content-type': PROBLEM }, body: { code: 'not_found' } }),
    lines: answer({ ...lines, body: `{"id":"${ID}"}\n{"id":"${ID}"}\n` }),
    'a path that does not exist': {
      ...answer({ headers: { 'content-type': PROBLEM }, status: 404, body: { code: 'not_found' } }),
      route: undefined,
    },
    'a page for people': answer({ route: '/docs/static/*', headers: { 'content-type': 'text/html' } }),
  }))
    t.strictSame(answers.differences(right), [], name);
});

t.test('whatever the document does not say is a difference', async (t) => {
  const answers = new DocumentedAnswers(document);
  for (const [wrong, difference] of [
    [answer({ route: '/others' }), /operation is not documented/],
    [answer({ method: 'POST' }), /operation is not documented/],
    [answer({ status: 201 }), /status is not documented/],
    [answer({ headers: { 'content-type': 'text/plain' } }), /media type text\/plain is not one of/],
    [answer({ headers: { 'content-type': undefined } }), /media type \(none\)/],
    [answer({ headers: { etag: undefined } }), /header etag is missing/],
    [answer({ headers: { 'x-count': 'many' } }), /header x-count is many/],
    [answer({ headers: { 'x-other': '1' } }), /header x-other is not documented/],
    [answer({ status: 304 }), /has a body, and none is documented/],
    [answer({ body: 'not JSON' }), /not JSON/],
    [answer({ body: {} }), /its top must have required property 'id'/],
    [answer({ body: { id: '1' } }), /\/id must match format "uuid"/],
    [answer({ body: { id: ID, size: 1.5 } }), /\/size must be integer,null/],
    [answer({ body: { id: ID, other: 1 } }), /its top must NOT have additional properties.*other/],
    [answer({ status: 404, headers: { 'content-type': PROBLEM }, body: {} }), /property 'code'/],
    [
      answer({
        route: '/lines',
        headers: { 'content-type': 'application/x-ndjson' },
        body: `{"id":"${ID}"}\n{"id":1}`,
      }),
      /\/id must be string/,
    ],
    [
      answer({ status: 404, headers: { 'content-type': PROBLEM }, body: { code: 'gone' } }),
      /the code gone is not named/,
    ],
    [answer({ route: undefined, headers: { 'content-type': 'text/html' } }), /not a problem/],
    [answer({ route: undefined, headers: { 'content-type': PROBLEM }, body: {} }), /property 'code'/],
  ] as const)
    t.match(answers.differences(wrong).join('\n'), difference);
});

/** Answers with `send` on a route that documents a number, injected and through a socket, and gives the differences. */
async function differencesOf(t: Test, send: (reply: FastifyReply) => FastifyReply): Promise<string[]> {
  const differences: string[] = [];
  const stop = watchNewInstances((difference) => differences.push(difference));
  const app = Fastify();
  stop();
  t.teardown(() => app.close());
  await app.register(swagger, { openapi: { openapi: '3.1.0' } });
  const number = { content: { 'application/json': { schema: { type: 'integer' } } } };
  const schema = { response: { 200: { description: 'A number.', ...number } } };
  const serializerCompiler = () => JSON.stringify;
  app.get('/number', { schema, serializerCompiler }, (_request, reply) => send(reply));
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  await app.inject('/number');
  await (await fetch(`${address}/number`)).text();
  await (await fetch(`${address}/number`, { method: 'HEAD' })).text();
  return differences;
}

t.test('every answer of an instance is compared as it is sent: in one piece or as a stream', async (t) => {
  const json = (reply: FastifyReply) => reply.type('application/json');
  const stream = (...chunks: string[]) => Readable.from(chunks, { objectMode: false });
  t.strictSame(await differencesOf(t, (reply) => json(reply).send(12)), []);
  t.strictSame(await differencesOf(t, (reply) => json(reply).send(stream('1', '2'))), []);
  for (const wrong of [
    (reply: FastifyReply) => json(reply).send(1.5),
    (reply: FastifyReply) => json(reply).send(stream('1', '.5')),
  ]) {
    const differences = await differencesOf(t, wrong);
    t.equal(differences.length, 2);
    for (const difference of differences) t.match(difference, /^GET \/number, 200: .*must be integer/);
  }
  const differences = await differencesOf(t, (reply) => reply.code(202).type('text/plain').send('later'));
  t.strictSame(differences.map((text) => text.slice(0, 12)).sort(), [
    'GET /number,',
    'GET /number,',
    'HEAD /number',
  ]);
});

t.test('the application is compared with the document that it serves', async (t) => {
  const { app, send } = await createTestApp(t);
  t.strictSame(JSON.parse(JSON.stringify(app.swagger())), (await send('GET', '/openapi.json')).json());
});

t.test('a difference fails the test', async (t) => {
  const { services, config } = await createTestApp(t);
  const right = await createWatchedApp(config, services);
  t.teardown(() => right.app.close());
  await right.app.inject('/artifacts');
  right.requireDocumentedAnswers();

  const change = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.addHook('preSerialization', async () => ({ items: [], next_cursor: 5 }));
  };
  subscribe('fastify.initialization', change);
  const wrong = await createWatchedApp(config, services);
  unsubscribe('fastify.initialization', change);
  t.teardown(() => wrong.app.close());
  await wrong.app.inject('/artifacts');
  t.throws(
    wrong.requireDocumentedAnswers,
    /GET \/artifacts, 200: the body at \/next_cursor must be string,null/,
  );
});

/** A program whose only answer is not the documented one. */
const WRONG_SERVER = `
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
const app = Fastify();
await app.register(swagger, { openapi: { openapi: '3.1.0' } });
app.get('/', { schema: { hide: true } }, async () => 'undocumented');
app.get('/late', { schema: { response: { 200: { type: 'null' } } } }, (_request, reply) => reply.code(202).send());
await app.inject('/');
await app.inject('/late');
process.kill(process.pid, 'SIGKILL');
`;

t.test('the answers of a process are compared until it is killed', async (t) => {
  const file = path.join(t.testdir(), 'differences');
  const watch = path.join(import.meta.dirname, '../../support/answers/watch-process.ts');
  const { signal, stderr } = spawnSync(
    process.execPath,
    ['--import', watch, '--input-type=module', '--eval', WRONG_SERVER],
    { env: { PATH: process.env.PATH, ANSWER_DIFFERENCES_FILE: file }, encoding: 'utf8' },
  );
  t.equal(signal, 'SIGKILL', stderr);
  t.equal(await readFile(file, 'utf8'), 'GET /late, 202: the status is not documented\n');
});
