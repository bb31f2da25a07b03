import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import type { Test } from 'tap';
import { eventually } from '../safety/processes.ts';

export const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/**
 * Starts nginx before servers on these ports, with its defaults: it buffers answers, and gives each request to the next server.
 *
 * @returns its address
 */
export async function startNginx(t: Test, ports: readonly number[]): Promise<string> {
  const folder = t.testdir();
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${path.join(folder, name)};`,
  );
  await writeFile(
    path.join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${path.join(folder, 'pid')}; error_log stderr;
     events {}
     http {
       access_log off; ${paths.join(' ')}
       upstream servers { ${ports.map((port) => `server 127.0.0.1:${port};`).join(' ')} }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Host $http_host; }
       }
     }`,
  );
  const nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')], { stdio: 'ignore' });
  t.teardown(() => nginx.kill());
  const address = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${address}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
  if (!(await eventually(answers, 10_000))) throw new Error('nginx has not started.');
  return address;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
