import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { SCOPE_PRESETS } from '../../../src/auth/scopes.ts';
import { flushStatistics } from '../../support/database.ts';
import { ADA, bearer, ok, openAccounts } from './support.ts';

interface Key {
  id: string;
  key: string;
  name: string;
  prefix: string;
  scopes: string[];
  used_scopes: string[];
  made_by_key_id: string | null;
  expires_at: string | null;
  last_used_at: string | null;
}

const accounts = await openAccounts(t);
const { services, send } = accounts.test;
const { pool } = services.database;
const { admin } = await accounts.createAda();
const session = bearer((await accounts.logIn(ADA)).access_token);

const make = async (body: object, headers: Record<string, string> = session): Promise<Key> =>
  ok(await send('POST', '/api-keys', body, headers));
const read = async (id: string): Promise<Key> => ok(await send('GET', `/api-keys/${id}`, undefined, session));
const statusOf = async (key: string, url = '/images'): Promise<number> =>
  (await send('GET', url, undefined, { 'x-api-key': key })).statusCode;
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();

t.test('a key is shown once, and only its SHA-256 is stored', async (t) => {
  const made = await make({ name: 'import', scopes: ['images:read'] });
  t.match(made.key, /^cfk_[0-9A-Za-z]{49}$/);
  t.equal(made.prefix, made.key.slice(0, 12));
  const one = await send('GET', `/api-keys/${made.id}`, undefined, session);
  const all = await send('GET', '/api-keys', undefined, session);
  for (const { body } of [one, all]) t.notOk(body.includes(made.key));
  t.same({ ...one.json(), key: made.key }, made);
  t.ok(all.json().items.some(({ id }: Key) => id === made.id));

  const { rows } = await pool.query<{ hash: Buffer }>('SELECT hash FROM api_keys WHERE id = $1', [made.id]);
  t.same(rows[0]?.hash, createHash('sha256').update(made.key).digest());
  const { rows: tables } = await pool.query<{ name: string }>(
    "SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  for (const { name } of tables) {
    const found = await pool.query(`SELECT FROM ${name} AS r WHERE position($1 IN r::text) > 0`, [
      made.key.slice(14),
    ]);
    t.equal(found.rowCount, 0, name);
  }
});

t.test('a key is taken from X-API-Key or as a Bearer', async (t) => {
  const { key } = await make({ name: 'either', scopes: ['images:read'] });
  t.equal(await statusOf(key), 200);
  t.equal((await send('GET', '/images', undefined, bearer(key))).statusCode, 200);
  const wrong = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
  t.equal(await statusOf(wrong), 401);
  const both = await send('GET', '/images', undefined, { ...bearer(key), 'x-api-key': key });
  t.equal(both.statusCode, 400);
});

t.test('a key has the scopes that it was given, and no others', async (t) => {
  for (const [preset, scopes] of Object.entries(SCOPE_PRESETS))
    t.same((await make({ name: preset, preset })).scopes, scopes);
  const { key } = await make({ name: 'reads images', scopes: ['images:read'] });
  t.equal(await statusOf(key, '/images'), 200);
  const refused = await send('GET', '/frames', undefined, { 'x-api-key': key });
  t.equal(refused.statusCode, 403);
  t.match(refused.headers['www-authenticate'], /error="insufficient_scope", scope="frames:read"/);
  for (const [name, body, status] of [
    ['neither scopes nor a preset', {}, 422],
    ['both', { scopes: ['images:read'], preset: 'read_only' }, 422],
    ['no scope', { scopes: [] }, 422],
    ['an unknown scope', { scopes: ['everything'] }, 422],
    ['an unknown preset', { preset: 'all' }, 422],
    ['a scope of administrators', { scopes: ['admin'] }, 403],
    ['the past', { preset: 'read_only', expires_at: inHours(-1) }, 422],
    ['an owner', { preset: 'read_only', user_id: admin.access_token }, 422],
  ] as const)
    t.equal((await send('POST', '/api-keys', { name: 'x', ...body }, session)).statusCode, status, name);
});

t.test('a key can be renamed and revoked, by its user only', async (t) => {
  const { id, key } = await make({ name: 'before', preset: 'read_only' });
  const renamed = ok<Key>(await send('PATCH', `/api-keys/${id}`, { name: 'after' }, session));
  t.equal(renamed.name, 'after');
  t.same(renamed.scopes, SCOPE_PRESETS.read_only);
  const others = bearer(admin.access_token);
  t.equal((await send('GET', `/api-keys/${id}`, undefined, others)).statusCode, 404);
  t.equal((await send('PATCH', `/api-keys/${id}`, { name: 'mine' }, others)).statusCode, 404);
  t.equal((await send('POST', `/api-keys/${id}/rotate`, {}, others)).statusCode, 404);
  t.equal((await send('POST', `/api-keys/${id}/shrink`, undefined, others)).statusCode, 404);
  t.equal((await send('DELETE', `/api-keys/${id}`, undefined, others)).statusCode, 404);
  t.equal(await statusOf(key), 200);
  t.equal((await send('DELETE', `/api-keys/${id}`, undefined, session)).statusCode, 204);
  t.equal(await statusOf(key), 401);
  t.equal((await send('DELETE', `/api-keys/${id}`, undefined, session)).statusCode, 404);
});

t.test('a key ends at its time, also if it is cached', async (t) => {
  const expires_at = new Date(Date.now() + 1_500).toISOString();
  const { key } = await make({ name: 'short', preset: 'read_only', expires_at });
  t.equal(await statusOf(key), 200);
  const start = performance.now();
  while ((await statusOf(key)) === 200 && performance.now() - start < 10_000) await sleep(50);
  t.equal(await statusOf(key), 401);
  t.ok(Date.now() >= Date.parse(expires_at), 'not sooner');
});

t.test('a key makes keys within its own scopes and life, and they end with it', async (t) => {
  const expires_at = inHours(2);
  const parent = await make({ name: 'parent', scopes: ['images:read', 'jobs:read'], expires_at });
  const stranger = await make({ name: 'stranger', preset: 'read_only' });
  const asParent = bearer(parent.key);
  const refused = async (body: object) =>
    (await send('POST', '/api-keys', { name: 'x', ...body }, asParent)).statusCode;
  t.equal(await refused({ scopes: ['images:write'] }), 403, 'more scopes');
  t.equal(await refused({ preset: 'read_only' }), 403, 'a preset with more scopes');
  t.equal(await refused({ scopes: ['images:read'], expires_at: inHours(3) }), 422, 'a longer life');
  const heir = await make({ name: 'heir', scopes: ['images:read'], expires_at: null }, asParent);
  t.equal(heir.expires_at, expires_at, 'never means: with the key that makes it');
  t.equal(heir.made_by_key_id, parent.id);
  const child = await make({ name: 'child', scopes: ['images:read'], expires_at: inHours(1) }, asParent);
  const grandchild = await make({ name: 'grandchild', scopes: ['images:read'] }, bearer(child.key));
  t.equal(grandchild.expires_at, child.expires_at);

  const seen = ok<{ items: Key[] }>(await send('GET', '/api-keys', undefined, asParent)).items;
  t.same(
    seen.map(({ name }) => name),
    ['child', 'heir', 'parent'],
  );
  t.equal((await send('GET', `/api-keys/${stranger.id}`, undefined, asParent)).statusCode, 404);
  t.equal((await send('DELETE', `/api-keys/${stranger.id}`, undefined, asParent)).statusCode, 404);
  t.equal((await send('GET', `/api-keys/${child.id}`, undefined, asParent)).statusCode, 200);
  for (const [method, path] of [
    ['PATCH', ''],
    ['POST', '/rotate'],
    ['POST', '/shrink'],
  ] as const) {
    const answer = await send(
      method,
      `/api-keys/${parent.id}${path}`,
      path === '/shrink' ? undefined : {},
      asParent,
    );
    t.equal(answer.statusCode, 403, `${method} ${path} needs a log-in`);
    t.match(answer.json(), { code: 'log_in_required' });
  }
  for (const { key } of [heir, child, grandchild]) t.equal(await statusOf(key), 200);
  t.equal((await send('DELETE', `/api-keys/${parent.id}`, undefined, session)).statusCode, 204);
  for (const { key } of [parent, heir, child, grandchild]) t.equal(await statusOf(key), 401);
  t.equal(await statusOf(stranger.key), 200);
});

t.test('a rotated key and its successor are both valid for a while', async (t) => {
  const old = await make({ name: 'nightly', preset: 'read_only', expires_at: inHours(50) });
  const child = await make({ name: 'child', scopes: ['images:read'] }, bearer(old.key));
  const rotate = async (id: string, body: object) =>
    ok<Key>(await send('POST', `/api-keys/${id}/rotate`, body, session));
  const next = await rotate(old.id, { overlap_seconds: 3600 });
  t.match(next, { name: old.name, scopes: old.scopes, expires_at: old.expires_at });
  t.not(next.key, old.key);
  for (const { key } of [old, next, child]) t.equal(await statusOf(key), 200);
  const left = Date.parse((await read(old.id)).expires_at ?? '') - Date.now();
  t.ok(left > 3500_000 && left <= 3600_000, `${left} ms are left`);
  t.equal((await read(child.id)).made_by_key_id, next.id, 'its keys go on with the new one');

  const last = await rotate(next.id, { overlap_seconds: 0 });
  t.equal(await statusOf(next.key), 401, 'without an overlap');
  for (const { key } of [last, child]) t.equal(await statusOf(key), 200);
  t.equal((await send('POST', `/api-keys/${next.id}/rotate`, {}, session)).statusCode, 409, 'it has expired');
});

t.test('the use of a key is noted, but not on its requests, and it can be shrunk to that', async (t) => {
  const { id, key } = await make({ name: 'wide', preset: 'read_write' });
  const updates = async (): Promise<number> => {
    await flushStatistics(pool, 10);
    const { rows } = await pool.query<{ count: string }>(
      "SELECT n_tup_upd AS count FROM pg_stat_user_tables WHERE relname = 'api_keys'",
    );
    return Number(rows[0]?.count);
  };
  const shrink = () => send('POST', `/api-keys/${id}/shrink`, undefined, session);
  t.equal((await shrink()).statusCode, 409, 'nothing would be left');
  // What was noted of the keys of other tests.
  await services.auth.keyUsage.write();
  const before = await updates();
  for (let i = 0; i < 30; i += 1) {
    t.equal(await statusOf(key, '/images'), 200);
    t.equal(await statusOf(key, '/frames'), 200);
    t.equal(await statusOf(key, '/users'), 403);
  }
  t.equal(await updates(), before, '90 requests have updated nothing');
  t.match(await read(id), { last_used_at: null, used_scopes: [] });

  await services.auth.keyUsage.write();
  t.equal(await updates(), before + 1, 'one update for all of them');
  const noted = await read(id);
  t.ok(Math.abs(Date.parse(noted.last_used_at ?? '') - Date.now()) < 60_000, noted.last_used_at ?? 'null');
  t.same(noted.used_scopes, ['frames:read', 'images:read'], 'what was refused was not used');
  await services.auth.keyUsage.write();
  t.equal(await updates(), before + 1, 'nothing is written without a request');

  t.same(ok<Key>(await shrink()).scopes, ['images:read', 'frames:read']);
  t.equal(await statusOf(key, '/images'), 200);
  t.equal((await send('DELETE', `/images/${id}`, undefined, { 'x-api-key': key })).statusCode, 403);
});

t.test('what could not be noted is noted later', async (t) => {
  const { id, key } = await make({ name: 'patient', preset: 'read_only' });
  await statusOf(key);
  await pool.query('ALTER TABLE api_keys RENAME COLUMN used_scopes TO away');
  await services.auth.keyUsage.write();
  await pool.query('ALTER TABLE api_keys RENAME COLUMN away TO used_scopes');
  await statusOf(key, '/frames');
  await services.auth.keyUsage.write();
  t.same((await read(id)).used_scopes, ['frames:read', 'images:read']);
});

t.test('a key that is revoked while it makes one makes none', async (t) => {
  const parent = await make({ name: 'going', preset: 'read_only' });
  const { rows } = await pool.query('SELECT user_id FROM api_keys WHERE id = $1', [parent.id]);
  ok(await send('DELETE', `/api-keys/${parent.id}`, undefined, session));
  await t.rejects(
    services.auth.apiKeys.create(
      { userId: rows[0].user_id, keyId: parent.id },
      { name: 'late', scopes: ['images:read'], expiresAt: null },
    ),
    { code: 'invalid_credential' },
  );
});
