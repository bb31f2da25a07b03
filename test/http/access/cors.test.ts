import sharp from 'sharp';
import t from 'tap';
import { createTestApp } from '../../support/app.ts';
import { createProtectedApp } from './tenant.ts';

const ORIGIN = 'https://tool.example.org';
const preflight = {
  origin: ORIGIN,
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'content-type',
};

t.test('pages of a configured origin may call the API, and read its headers', async (t) => {
  const { send } = await createTestApp(t, { CORS_ORIGINS: `${ORIGIN}, https://other.example.org` });
  const asked = await send('OPTIONS', '/images', undefined, preflight);
  t.equal(asked.statusCode, 204);
  t.equal(asked.headers['access-control-allow-origin'], ORIGIN);
  t.match(asked.headers['access-control-allow-methods'], /DELETE/);
  const answer = await send('GET', '/images', undefined, { origin: ORIGIN });
  t.equal(answer.statusCode, 200);
  t.match(answer.headers['access-control-expose-headers'], /content-location/);
  t.equal(answer.headers['cross-origin-resource-policy'], 'cross-origin');
  t.equal((await send('GET', '/images', undefined, { origin: 'https://evil.example' })).statusCode, 403);
});

t.test('an answer that depends on Accept depends on the origin all the same', async (t) => {
  const { send, upload } = await createTestApp(t, { CORS_ORIGINS: `${ORIGIN}, https://other.example.org` });
  const bytes = await sharp({ create: { width: 4, height: 3, channels: 3, background: '#c8761b' } })
    .png()
    .toBuffer();
  const { id } = (await upload({ bytes })).json().results[0].image;
  const { headers } = await send('GET', `/images/${id}/convert?format=auto`, undefined, { origin: ORIGIN });
  t.equal(headers.vary, 'Origin, Accept');
});

t.test('without configuration no other origin may, and its preflight fails', async (t) => {
  const { send } = await createTestApp(t);
  const asked = await send('OPTIONS', '/images', undefined, preflight);
  t.equal(asked.statusCode, 403);
  t.equal(asked.headers['access-control-allow-origin'], undefined);
  t.equal((await send('GET', '/images')).headers['cross-origin-resource-policy'], 'same-origin');
});

t.test('health and metrics tell what they should', async (t) => {
  const { send, upload } = await createTestApp(t);
  t.strictSame((await send('GET', '/health/live')).json(), { status: 'ok' });
  t.strictSame((await send('GET', '/health/ready')).json(), {
    status: 'ready',
    checks: {
      server: 'ok',
      database: 'ok',
      queues: { images: 'ok', image_logs: 'ok', frame_pictures: 'ok', uploads: 'ok' },
    },
  });
  await upload({ bytes: Buffer.from('no picture') });
  const text = (await send('GET', '/metrics')).body;
  t.match(
    text,
    /coreframe_http_request_duration_seconds_count\{method="POST",route="\/images",status="415"\} 1/,
  );
  for (const queue of ['images', 'image_logs', 'frame_pictures', 'uploads']) {
    t.match(text, new RegExp(`coreframe_queue_waiting\\{queue="${queue}"\\} 0`));
  }
  t.match(text, /coreframe_cache_hits_total\{cache="disk"\} \d+/);
  t.match(text, /process_resident_memory_bytes/);
});

t.test('pages of a configured origin may authenticate', async (t) => {
  for (const CORS_ORIGINS of [`${ORIGIN}, https://other.example.org`, '*']) {
    const { ask, admin, createKey } = await createProtectedApp(t, { CORS_ORIGINS });
    const { headers: key } = await createKey(admin.session, ['images:read']);
    for (const [method, path] of [
      ['POST', '/images'],
      ['PATCH', '/users/me'],
      ['DELETE', '/auth/sessions'],
      ['GET', '/metrics'],
    ] as const) {
      // A browser sends no credential with a preflight request.
      const asked = await ask(
        {
          origin: ORIGIN,
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization,content-type,x-api-key,x-on-behalf-of',
        },
        'OPTIONS',
        path,
      );
      t.equal(asked.statusCode, 204, `${method} ${path}`);
      const allowed = String(asked.headers['access-control-allow-headers']);
      for (const name of ['authorization', 'x-api-key', 'x-on-behalf-of'])
        t.ok(allowed.split(/, ?/).includes(name), `${name} is allowed`);
      t.match(String(asked.headers['access-control-allow-methods']), method);
    }
    const allowedOrigin = CORS_ORIGINS === '*' ? '*' : ORIGIN;
    for (const [who, status] of [
      [admin.session, 200],
      [key, 200],
      [{}, 401],
      [{ 'x-api-key': 'wrong' }, 401],
    ] as const) {
      const answer = await ask({ ...who, origin: ORIGIN }, 'GET', '/images');
      t.equal(answer.statusCode, status);
      t.equal(answer.headers['access-control-allow-origin'], allowedOrigin, 'the page may read the answer');
      t.match(String(answer.headers['access-control-expose-headers']), /www-authenticate/);
      // There are no cookies.
      t.equal(answer.headers['access-control-allow-credentials'], undefined);
    }
    const forbidden = await ask({ ...key, origin: ORIGIN }, 'GET', '/users');
    t.equal(forbidden.statusCode, 403);
    t.match(String(forbidden.headers['www-authenticate']), /scope="admin"/);
    t.equal(forbidden.headers['access-control-allow-origin'], allowedOrigin);
  }
});
