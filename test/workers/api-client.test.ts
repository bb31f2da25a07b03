import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { ApiClient } from '../../src/jobs/worker/api-client.ts';

/** An API that answers as the test says. */
async function listen(t: Test, answer: Parameters<typeof createServer>[1]): Promise<ApiClient> {
  const server = createServer({}, answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return new ApiClient({ url: `http://127.0.0.1:${port}/`, credential: 'cfw_x' });
}

t.test('an input goes on where its connection broke, with the token of that moment', async (t) => {
  const bytes = randomBytes(300_000);
  const attempt = { token: 'first' };
  const asked: string[] = [];
  const api = await listen(t, (request, response) => {
    const { range, authorization } = request.headers;
    asked.push(`${range ?? 'all'} ${authorization}`);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': bytes.length - from });
    const isLast = asked.length === 3;
    response.write(bytes.subarray(from, isLast ? bytes.length : from + 100_000), () => {
      if (isLast) response.end();
      else setTimeout(() => response.destroy(), 50);
      attempt.token = 'renewed';
    });
  });
  const parts: Buffer[] = [];
  for await (const chunk of api.input(attempt, 'f00')) parts.push(chunk);
  t.ok(Buffer.concat(parts).equals(bytes));
  t.strictSame(asked, ['all Bearer first', 'bytes=100000- Bearer renewed', 'bytes=200000- Bearer renewed']);
});

t.test('an API that ignores the range does not spoil the input', async (t) => {
  let requests = 0;
  const api = await listen(t, (_request, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': 10 });
    response.write('half.', () => setTimeout(() => response.destroy(), 20));
  });
  const read = async () => {
    for await (const chunk of api.input({ token: 'x' }, 'f00')) t.equal(chunk.toString(), 'half.');
  };
  await t.rejects(read(), { message: 'The API has answered with 200 instead of the bytes from 5 on.' });
  t.equal(requests, 2);
});

t.test('what the API refuses is told apart from an API in trouble', async (t) => {
  let status = 500;
  const api = await listen(t, (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'conflict', detail: 'The reason.' }));
  });
  for (status of [500, 502, 503, 429, 408])
    await t.rejects(api.renew('x'), { code: 'overloaded' }, `${status}`);
  status = 401;
  await t.rejects(api.renew('x'), { name: 'AttemptOver' });
  status = 409;
  await t.rejects(api.renew('x'), { code: 'conflict', detail: 'The reason.' });
  const away = new ApiClient({ url: 'http://127.0.0.1:1', credential: 'cfw_x' });
  await t.rejects(away.renew('x'), { code: 'overloaded' });
});

t.test('over TLS, the certificate of the API is checked', async (t) => {
  const folder = t.testdir();
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const run = promisify(execFile);
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '2', '-keyout', key, '-out', cert],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  const options = { key: await readFile(key), cert: await readFile(cert) };
  const server = createSecureServer(options, (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ has_alone: false, lease_seconds: 20 }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const program = `
    import { ApiClient } from ${JSON.stringify(path.resolve('src/jobs/worker/api-client.ts'))};
    const api = new ApiClient({ url: 'https://127.0.0.1:${port}', credential: 'cfw_x' });
    console.log(await api.lane('images').then(({ leaseSeconds }) => leaseSeconds, ({ code }) => code));`;
  const ask = async (env: Record<string, string>) =>
    (
      await run(process.execPath, ['--input-type=module', '-e', program], {
        env: { PATH: process.env.PATH, ...env },
      })
    ).stdout.trim();
  t.equal(await ask({}), 'overloaded', 'an authority that nobody knows');
  t.equal(await ask({ NODE_EXTRA_CA_CERTS: cert }), '20');
});
