import t from 'tap';
import { createTestApp } from '../../support/app.ts';

t.test('a path or a method that does not exist is refused, whatever the body is', async (t) => {
  const { app } = await createTestApp(t);
  const type = (value: string) => ({ 'content-type': value });
  for (const [what, headers, payload] of [
    ['no body', {}, ''],
    ['JSON', type('application/json'), '{}'],
    ['malformed JSON', type('application/json'), '{'],
    ['a type that no operation takes', type('application/xml'), '<a/>'],
    ['a malformed type', type('nonsense'), 'a'],
    ['too much JSON', type('application/json'), `"${'a'.repeat(2 ** 20)}"`],
    ['a malformed form', type('multipart/form-data'), 'a'],
  ] as const) {
    for (const method of ['POST', 'PUT', 'PATCH', 'QUERY'] as const) {
      const missing = await app.inject({ method: method as 'POST', url: '/nothing', headers, payload });
      t.equal(missing.statusCode, 404, `${method} with ${what}`);
      const known = await app.inject({ method: method as 'POST', url: '/colormaps', headers, payload });
      t.equal(known.statusCode, 405, `${method} with ${what}`);
      t.match(known.headers, { allow: /^GET, HEAD$|^HEAD, GET$/, 'content-type': /problem\+json/ });
    }
  }
});
