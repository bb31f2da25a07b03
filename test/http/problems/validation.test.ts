import { Type } from '@sinclair/typebox';
import t from 'tap';
import { createBareApp } from '../../support/fastify.ts';

async function appWithRoute(t: Parameters<typeof createBareApp>[0]) {
  const app = await createBareApp(t);
  app.post(
    '/things/:id',
    {
      schema: {
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        querystring: Type.Object(
          { page: Type.Integer({ minimum: 1, default: 1 }), tag: Type.Optional(Type.Array(Type.String())) },
          { additionalProperties: false },
        ),
        body: Type.Object(
          { size: Type.Integer({ minimum: 1 }), 'a/b~c': Type.Optional(Type.Boolean()) },
          { additionalProperties: false },
        ),
      },
    },
    async (request) => ({ query: request.query, body: request.body }),
  );
  return app;
}

const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

t.test('the faults of every part of a request are told at once, with their places', async (t) => {
  const app = await appWithRoute(t);
  const response = await app.inject({
    method: 'POST',
    url: '/things/none?page=0&colour=red',
    payload: { size: '3', extra: 1, 'a/b~c': 'yes' },
  });
  t.equal(response.statusCode, 422);
  t.match(response.headers['content-type'], /^application\/problem\+json/);
  const problem = response.json();
  t.equal(problem.code, 'validation_failed');
  t.equal(problem.instance, '/things/none');
  t.match(problem.request_id, /^[0-9a-f-]{36}$/);
  const faults = problem.errors
    .map(({ location, path, message }: Record<string, string>) => `${location}${path} ${message}`)
    .sort();
  t.strictSame(faults, [
    'body/a~1b~0c Expected true or false for a/b~c but received "yes"',
    'body/extra Expected a known parameter (size, a/b~c) but received "extra"',
    'body/size Expected an integer of at least 1 for size but received "3"',
    'path/id Expected a UUID for id but received "none"',
    'query/colour Expected a known parameter (page, tag) but received "colour"',
    'query/page Expected an integer of at least 1 for page but received 0',
  ]);
  t.equal(problem.detail, 'Expected a UUID for id but received "none" (and 5 more faults)');
});

t.test('a part that comes later in the request may have any number of faults', async (t) => {
  // As arguments of one call, they were too many for the stack.
  const app = await createBareApp(t);
  const body = Type.Array(Type.String());
  const params = Type.Object({ id: Type.String({ format: 'uuid' }) });
  app.post('/lists/:id', { schema: { params, body } }, async () => ({}));
  const payload = Array<number>(300_000).fill(1);
  const response = await app.inject({ method: 'POST', url: '/lists/none', payload });
  const { status, detail, errors } = response.json();
  t.match(detail, /\(and 300000 more faults; the first 100 are listed\)$/);
  t.strictSame([status, errors.length], [422, 100]);
});

t.test(
  'text is converted in queries, never in bodies; defaults are filled in; one value may stand for a list',
  async (t) => {
    const app = await appWithRoute(t);
    const good = await app.inject({ method: 'POST', url: `/things/${ID}?tag=a`, payload: { size: 3 } });
    t.strictSame(good.json(), { query: { page: 1, tag: ['a'] }, body: { size: 3 } });
    const twice = await app.inject({
      method: 'POST',
      url: `/things/${ID}?page=1&page=2`,
      payload: { size: 3 },
    });
    t.equal(twice.statusCode, 422);
  },
);

t.test('broken syntax is 400 or 415, each with its own code', async (t) => {
  const app = await appWithRoute(t);
  const send = async (payload: string, type: string) => {
    const response = await app.inject({
      method: 'POST',
      url: `/things/${ID}`,
      payload,
      headers: { 'content-type': type },
    });
    return `${response.statusCode} ${response.json().code}`;
  };
  t.equal(await send('{"size": ', 'application/json'), '400 malformed_json');
  t.equal(await send('', 'application/json'), '400 malformed_json');
  t.equal(await send('{"__proto__": {"x": 1}}', 'application/json'), '400 malformed_json');
  t.equal(await send('<size/>', 'text/xml'), '415 unsupported_media_type');
  t.equal(await send(`{"size": ${' '.repeat(1_100_000)}1}`, 'application/json'), '413 request_too_large');
});

t.test('an unknown path is 404; a wrong method is 405 and says which are right', async (t) => {
  const app = await appWithRoute(t);
  const missing = await app.inject({ url: '/nothing' });
  t.equal(missing.statusCode, 404);
  t.equal(missing.json().code, 'not_found');
  const wrong = await app.inject({ method: 'PUT', url: `/things/${ID}` });
  t.equal(wrong.statusCode, 405);
  t.equal(wrong.headers.allow, 'POST');
  const malformed = await app.inject({ url: '/%E0%A4%A' });
  t.equal(malformed.statusCode, 400);
  t.equal(malformed.json().code, 'malformed_request');
});

t.test('an unexpected failure is 500 and shows nothing of its inside', async (t) => {
  const app = await createBareApp(t);
  app.get('/fails', async () => {
    throw new Error('password=hunter2 at /srv/secret.ts');
  });
  const response = await app.inject({ url: '/fails' });
  t.equal(response.statusCode, 500);
  t.equal(response.json().code, 'internal_error');
  t.notMatch(response.body, /hunter2|secret/);
});
