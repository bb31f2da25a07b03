import { Type } from '@sinclair/typebox';
import t from 'tap';
import { jsonBodies } from '../../../src/http/requests/json-bodies.ts';
import { createTestApp } from '../../support/app.ts';
import { createBareApp } from '../../support/fastify.ts';

async function appWithRoute(t: Parameters<typeof createBareApp>[0]) {
  const app = await createBareApp(t);
  await app.register(jsonBodies);
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

t.test(
  'what is wrong with the body as a whole, or with its headers, is a fault with its place',
  async (t) => {
    const app = await appWithRoute(t);
    app.post('/open', async () => ({}));
    const json = { 'content-type': 'application/json' };
    const faultOf = async (payload: string, headers: Record<string, string>, url = `/things/${ID}`) => {
      const { errors = [] } = (await app.inject({ method: 'POST', url, payload, headers })).json();
      t.equal(errors.length, 1);
      return `${errors[0]?.location} ${errors[0]?.path}: ${errors[0]?.message}`;
    };
    t.equal(
      await faultOf('{"size": 1,\n}', json),
      'body : Expected a name in double quotes but received "}" at line 2, column 1',
    );
    t.equal(
      await faultOf('{"size": ', json),
      'body : Expected a JSON value but received the end of the body at line 1, column 10',
    );
    t.equal(await faultOf('', json), 'body : Expected a JSON document but received an empty body');
    t.match(await faultOf('{"__proto__": {"x": 1}}', json), /^body : Expected JSON without members named/);
    t.equal(
      await faultOf('1', { 'content-type': 'text/xml' }),
      'header /content-type: Expected application/json for content-type but received "text/xml"',
    );
    t.equal(
      await faultOf('1', {}, '/open'),
      'header /content-type: Expected application/json for content-type but received nothing',
    );
    t.equal(
      await faultOf('1', { ...json, 'content-encoding': 'gzip' }),
      'header /content-encoding: Expected identity or no header for content-encoding but received "gzip"',
    );
    const { app: service } = await createTestApp(t);
    for (const url of ['/images', '/upload']) {
      for (const type of ['text/plain', 'multipart/form-data']) {
        const headers = { 'content-type': type };
        const answer = (await service.inject({ method: 'POST', url, payload: 'a', headers })).json();
        t.match(answer.errors, [{ location: 'header', path: '/content-type' }], `${type} to ${url}`);
      }
    }
  },
);

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

t.test('a parameter of the body that is sent in the query is said to belong in the body', async (t) => {
  const bare = await appWithRoute(t);
  const { app } = await createTestApp(t);
  const queryFault = async (on: typeof app, url: string) => {
    const { errors } = (await on.inject({ method: 'POST', url, payload: {} })).json();
    return errors.find(({ location }: { location: string }) => location === 'query')?.message;
  };
  t.equal(
    await queryFault(bare, `/things/${ID}?size=3`),
    'Expected a known parameter (page, tag) but received "size" (send it in the body, as JSON)',
  );
  t.match(await queryFault(bare, `/things/${ID}?pages=1`), /received "pages" \(did you mean page\?\)$/);
  for (const [path, name] of [
    ['resize', 'width'],
    ['crop', 'left'],
    ['convert', 'format'],
    ['transform', 'operations'],
    ['histogram', 'bins'],
    ['segmentation', 'method'],
    ['segmentation', 'clusters'],
  ]) {
    t.equal(
      await queryFault(app, `/images/${ID}/${path}?${name}=1`),
      `Expected no parameter but received "${name}" (send it in the body, as JSON)`,
    );
  }
  t.equal(await queryFault(app, `/images/${ID}/resize?foo=1`), 'Expected no parameter but received "foo"');
});
