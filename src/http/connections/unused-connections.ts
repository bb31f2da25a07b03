import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';

/**
 * Closes, when the server closes, the connections on which no request has come: browsers open some ahead. Node closes
 * only those that have served one, and would wait for the others until the grace time is over.
 */
export const unusedConnections = fp(
  async (app) => {
    const unused = new Set<Socket>();
    let isClosing = false;
    app.server.on('connection', (socket: Socket) => {
      if (isClosing) {
        socket.destroy();
        return;
      }
      unused.add(socket);
      socket.once('close', () => unused.delete(socket));
    });
    app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
    app.addHook('preClose', async () => {
      isClosing = true;
      for (const socket of unused) socket.destroy();
    });
  },
  { name: 'unused-connections' },
);
