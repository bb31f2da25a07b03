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
  t.equal(await status({ host: 'evil.example' }), 'host_not_allowed');
});
