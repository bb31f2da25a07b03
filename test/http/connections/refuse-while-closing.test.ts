import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { refuseWhileClosing } from '../../../src/http/connections/refuse-while-closing.ts';
import { healthRoutes } from '../../../src/http/operators/health.ts';
import { openConnection, readAnswer } from '../../safety/connection.ts';
import { head, problemOf } from '../../safety/listening.ts';
import { createBareApp } from '../../support/fastify.ts';

t.test('a request on an open connection while the server stops', async (t) => {
  const app = await createBareApp(t);
  await app.register(refuseWhileClosing);
  const sources = { isDatabaseReachable: async () => true, isDatabaseLost: () => false, queues: {} };
  await app.register(healthRoutes, sources);
  app.get('/here', async () => 'here');
  // The connection would be closed a moment later.
  app.addHook('preClose', () => sleep(500));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const socket = await openConnection(port);
  socket.write(head('GET', '/here', { connection: 'keep-alive' }));
  t.equal((await readAnswer(socket)).status, 200);
  const checking = await openConnection(port);
  checking.write(head('GET', '/health/ready', { connection: 'keep-alive' }));
  t.equal((await readAnswer(checking)).status, 200);
  const closed = app.close();
  checking.write(head('GET', '/health/ready', { connection: 'keep-alive' }));
  const readiness = await readAnswer(checking);
  t.equal(readiness.status, 503);
  t.match(JSON.parse(readiness.body.toString()), { status: 'unavailable', checks: { server: 'stopping' } });
  checking.destroy();
  socket.write(head('GET', '/here'));
  const answer = await readAnswer(socket);
  t.equal(answer.status, 503);
  t.equal(problemOf({ ...answer, ms: 0 })?.code, 'shutting_down');
  t.equal(answer.headers['retry-after'], '1');
  socket.destroy();
  await closed;
});
