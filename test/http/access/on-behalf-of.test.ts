import { randomUUID } from 'node:crypto';
import t from 'tap';
import { SCOPES } from '../../../src/auth/scopes.ts';
import { createProtectedApp, type Headers, makePicture, type ProtectedApp } from './tenant.ts';

let served: ProtectedApp;

t.before(async () => {
  served = await createProtectedApp(t);
});

t.test('an administrator acts for a user, and it is recorded', async (t) => {
  const { ask, sendFile, admin, createTenant } = served;
  const ada = await createTenant(randomUUID());
  const acting = { ...admin.session, 'x-on-behalf-of': ada.id };
  const uploaded = await sendFile(acting, '/images', { name: 'photo.png', bytes: await makePicture() });
  t.equal(uploaded.statusCode, 201);
  const { id } = uploaded.json().results[0].image;
  t.equal((await ask(ada.session, 'GET', `/images/${id}`)).statusCode, 200, 'it belongs to the user');
  t.equal((await ask(admin.session, 'GET', `/images/${id}`)).statusCode, 404, 'and not to the administrator');
  const capitals = { ...acting, 'x-on-behalf-of': ada.id.toUpperCase() };
  t.equal((await ask(capitals, 'GET', `/images/${id}/content?download=true`)).statusCode, 200);
  t.equal((await ask(acting, 'GET', '/users/me')).json().id, ada.id);

  const events = (await ask(admin.session, 'GET', '/audit-events?action=acted_for_user')).json().items;
  t.strictSame(
    events.map(({ actor_id, user_id, details }: Record<string, unknown>) => ({ actor_id, user_id, details })),
    [
      { method: 'GET', path: '/users/me' },
      // Without the query.
      { method: 'GET', path: `/images/${id}/content` },
      { method: 'POST', path: '/images' },
    ].map((details) => ({ actor_id: admin.id, user_id: ada.id, details })),
  );
});

t.test('the header takes the id of one user', async (t) => {
  const { app, ask, admin, createTenant } = served;
  const ada = await createTenant(randomUUID());
  for (const value of [
    '',
    ' ',
    'me',
    ada.email,
    randomUUID(),
    `${ada.id}, ${ada.id}`,
    `{${ada.id}}`,
    `${ada.id}\xff`,
  ]) {
    const answer = await ask({ ...admin.session, 'x-on-behalf-of': value }, 'GET', '/images');
    t.equal(answer.statusCode, 422, JSON.stringify(value));
    t.equal(answer.json().errors[0].location, 'header');
    t.equal(answer.json().errors[0].path, '/x-on-behalf-of');
  }
  const twice = await app.inject({
    url: '/images',
    headers: { ...admin.session, 'x-on-behalf-of': [ada.id, admin.id] },
  });
  t.equal(twice.statusCode, 422, 'two headers');
  const asUser = await ask({ ...ada.session, 'x-on-behalf-of': ada.id }, 'GET', '/images');
  t.equal(asUser.statusCode, 403, 'a user cannot use it, not even for themselves');
  const events = await ask(admin.session, 'GET', `/audit-events?action=acted_for_user&user_id=${ada.id}`);
  t.strictSame(events.json().items, [], 'nothing was done');
});

t.test('a key that acts for users has used the scope admin', async (t) => {
  const { ask, admin, createTenant, createKey, services } = served;
  const ada = await createTenant(randomUUID());
  const { id, headers } = await createKey(admin.session, SCOPES);
  const acting: Headers = { ...headers, 'x-on-behalf-of': ada.id };
  t.equal((await ask(acting, 'GET', '/images')).statusCode, 200);
  await services.auth.keyUsage.write();
  const used = (await ask(admin.session, 'GET', `/api-keys/${id}`)).json().used_scopes;
  t.strictSame(used.toSorted(), ['admin', 'images:read']);
  t.equal((await ask(admin.session, 'POST', `/api-keys/${id}/shrink`)).statusCode, 200);
  t.equal((await ask(acting, 'GET', '/images')).statusCode, 200, 'so it can still act when it was shrunk');
});

t.test('an administrator makes no key for a user, because it would outlive the request', async (t) => {
  const { ask, admin, createTenant } = served;
  const ada = await createTenant(randomUUID());
  const acting = { ...admin.session, 'x-on-behalf-of': ada.id };
  const made = await ask(acting, 'POST', '/api-keys', { name: 'mine now', preset: 'read_only' });
  t.equal(made.statusCode, 422);
  t.strictSame((await ask(ada.session, 'GET', '/api-keys')).json().items, []);
});
