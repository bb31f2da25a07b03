// Keeps the tests' PostgreSQL running until the given process (tap) has ended, however it ends, Ctrl-C included.
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../src/db/embedded/postmaster.ts';
import { dropLeftovers, ensureTemplate, openTestServer } from './database-server.ts';

const watched = Number(process.argv[2]);
// A Ctrl-C or the end of the terminal ends tap, which is noticed below.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
const server = await openTestServer();
try {
  if (server.isFirst) await dropLeftovers(server);
  await ensureTemplate(server);
  process.send?.('ready');
  while (await isRunning(watched)) await sleep(250);
} finally {
  await server.close();
}
