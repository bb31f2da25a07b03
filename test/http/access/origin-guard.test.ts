import t from 'tap';
import { createHostCheck, originGuard } from '../../../src/http/access/origin-guard.ts';
import { createBareApp } from '../../support/fastify.ts';

const LOCAL = { HOST: '127.0.0.1', ALLOWED_HOSTS: '', CORS_ORIGINS: '' };

t.test(
  'names that an attacker could point at this machine are refused; addresses and known names pass',
  async (t) => {
    const isAllowed = createHostCheck({
      ...LOCAL,
      ALLOWED_HOSTS: 'images.example.org',
      PUBLIC_URL: 'https://core.example.net/x',
    });
    for (const host of [
      'localhost',
      'LOCALHOST:8000',
      'app.localhost:1',
      '127.0.0.1:8000',
      '[::1]:8000',
      '10.1.2.3',
      'images.example.org',
      'core.example.net:443',
    ]) {
      t.ok(isAllowed(host), host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'images.example.org.evil.example',
      '',
      'a b',
      'user@localhost',
      'localhost/x',
      'localhost?x',
    ]) {
      t.notOk(isAllowed(host), host);
    }
    t.ok(createHostCheck({ ...LOCAL, ALLOWED_HOSTS: '*' })('evil.example'), '* allows all');
  },
);

t.test("other origins' pages are refused unless CORS_ORIGINS names them", async (t) => {
  const app = await createBareApp(t);
  await app.register(originGuard, { ...LOCAL, CORS_ORIGINS: 'https://tool.example.org' });
  app.post('/x', async () => 'done');
  const status = async (headers: Record<string, string>) => {
    const response = await app.inject({ method: 'POST', url: '/x', headers });
    return response.statusCode === 200 ? 'ok' : response.json().code;
  };
  t.equal(await status({ host: '127.0.0.1:8000' }), 'ok');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'http://127.0.0.1:8000' }), 'ok');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'https://tool.example.org' }), 'ok');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'http://127.0.0.1:9000' }), 'cross_site_request');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'https://evil.example' }), 'cross_site_request');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'null' }), 'cross_site_request');
  t.equal(await status({ host: '127.0.0.1:8000', origin: 'https://127.0.0.1:8000' }), 'cross_site_request');
  t.equal(await status({ host: '127.0.0.1:8000', origin: '127.0.0.1:8000' }), 'cross_site_request');
  t.equal(await status({ host: '127.0.0.1:8000', origin: '' }), 'cross_site_request');
  t.equal(await status({ host: 'evil.example' }), 'host_not_allowed');
});

t.test('what a browser says about the site of the page is believed', async (t) => {
  const host = '127.0.0.1:8000';
  const page = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
  const picture = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
  const frame = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
  for (const [method, site, details, closed, open] of [
    ['GET', 'same-origin', picture, 'ok', 'ok'],
    ['GET', 'none', page, 'ok', 'ok'],
    ['GET', 'cross-site', page, 'ok', 'ok'],
    ['HEAD', 'same-site', page, 'ok', 'ok'],
    ['GET', 'cross-site', frame, 'cross_site_request', 'ok'],
    ['GET', 'cross-site', picture, 'cross_site_request', 'ok'],
    ['GET', 'same-site', picture, 'cross_site_request', 'ok'],
    ['GET', 'cross-site', {}, 'cross_site_request', 'ok'],
    ['GET', 'odd', picture, 'cross_site_request', 'ok'],
    ['POST', 'cross-site', page, 'cross_site_request', 'cross_site_request'],
    ['POST', 'same-origin', {}, 'ok', 'ok'],
  ] as const) {
    for (const [CORS_ORIGINS, expected] of [
      ['', closed],
      ['https://tool.example.org', open],
      ['*', 'ok'],
    ] as const) {
      const app = await createBareApp(t);
      await app.register(originGuard, { ...LOCAL, CORS_ORIGINS });
      app.all('/x', async () => 'done');
      const headers = { host, 'sec-fetch-site': site, ...details };
      const { statusCode, body } = await app.inject({ method, url: '/x', headers });
      const outcome = statusCode === 200 ? 'ok' : body === '' ? statusCode : JSON.parse(body).code;
      t.equal(
        outcome,
        expected,
        `${method} ${site} ${JSON.stringify(details)} with CORS_ORIGINS=${CORS_ORIGINS}`,
      );
    }
  }
});

t.test('a route for orchestrators answers for any host', async (t) => {
  const app = await createBareApp(t);
  await app.register(originGuard, LOCAL);
  app.get('/health', { config: { anyHost: true } }, async () => 'ok');
  app.get('/x', async () => 'ok');
  const headers = { host: 'pod-7.internal' };
  t.equal((await app.inject({ url: '/health', headers })).statusCode, 200);
  t.equal((await app.inject({ url: '/x', headers })).statusCode, 403);
});
