import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { answerOnSocket } from './raw-socket-errors.ts';

export interface IdleTimeoutOptions {
  /** Longest silence of a client that is expected to send or to read, in milliseconds. */
  idleMs: number;
  /** Least bytes per second a client has to send or read, measured from the second idle period on; 0 for no bound. */
  minRate: number;
}

type Phase = 'receiving' | 'working' | 'sending';

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  id: string;
  phase: Phase;
  /** Bytes moved and the time, when the phase began. */
  startBytes: number;
  startTime: number;
  /** Bytes moved and the time, when the last movement was seen. */
  lastBytes: number;
  lastTime: number;
}

function phaseOf({ request, response }: Exchange): Phase {
  if (!request.complete) return 'receiving';
  return response.headersSent ? 'sending' : 'working';
}

function movedBytes(phase: Phase, socket: Socket): number {
  return phase === 'receiving' ? socket.bytesRead : socket.bytesWritten - socket.writableLength;
}

/**
 * Ends exchanges whose client has fallen silent, or sends or reads slower than a floor, while it is the client's turn.
 * Time that the server itself takes does not count, and neither does the length of an exchange that moves: Fastify's
 * and Node's own timeouts bound the whole body or answer instead, and cut long streams.
 *
 * A client that was still sending is told with 408; one that does not read is cut off.
 */
export const idleTimeouts = fp(
  async (app, { idleMs, minRate }: IdleTimeoutOptions) => {
    const exchanges = new Set<Exchange>();

    app.addHook('onRequest', (request, reply, done) => {
      // Requests that tests inject have no connection.
      if (!(request.raw.socket instanceof Socket)) return done();
      const now = performance.now();
      const { bytesRead } = request.raw.socket;
      const exchange: Exchange = {
        request: request.raw,
        response: reply.raw,
        id: request.id,
        phase: 'receiving',
        startBytes: bytesRead,
        startTime: now,
        lastBytes: bytesRead,
        lastTime: now,
      };
      exchanges.add(exchange);
      reply.raw.once('close', () => exchanges.delete(exchange));
      done();
    });

    const check = (): void => {
      const now = performance.now();
      for (const exchange of exchanges) {
        const { socket } = exchange.request;
        const phase = phaseOf(exchange);
        const bytes = movedBytes(phase, socket);
        if (phase !== exchange.phase || phase === 'working') {
          Object.assign(exchange, {
            phase,
            startBytes: bytes,
            startTime: now,
            lastBytes: bytes,
            lastTime: now,
          });
          continue;
        }
        // The server may have nothing to send just now; only what waits for the client counts against it.
        const isServersTurn =
          phase === 'sending' && socket.writableLength === 0 && !exchange.response.writableEnded;
        // Bytes that have come and are not read yet wait for the server: its disk or its queue is behind.
        const isPaused = phase === 'receiving' && exchange.request.readableLength > 0;
        if (bytes !== exchange.lastBytes || isServersTurn || isPaused) {
          exchange.lastBytes = bytes;
          exchange.lastTime = now;
        }
        if (isServersTurn || isPaused) {
          exchange.startBytes = bytes;
          exchange.startTime = now;
        }
        const isSilent = now - exchange.lastTime > idleMs;
        const seconds = (now - exchange.startTime) / 1000;
        const isTooSlow =
          now - exchange.startTime > 2 * idleMs && (bytes - exchange.startBytes) / seconds < minRate;
        if (isSilent || isTooSlow) {
          exchanges.delete(exchange);
          endExchange(exchange, isSilent ? 'sent nothing for too long' : 'sent its body too slowly');
        }
      }
    };

    const timer = setInterval(check, Math.min(1000, idleMs / 4));
    timer.unref();
    app.addHook('onClose', async () => clearInterval(timer));
  },
  { name: 'idle-timeouts' },
);

/** Tells a client that is still sending why it is cut off, then destroys its connection. */
function endExchange({ request, response, id, phase }: Exchange, reason: string): void {
  const { socket } = request;
  if (phase === 'receiving' && !response.headersSent && socket.writable) {
    answerOnSocket(socket, new AppError('request_timeout', `The client ${reason}.`), {
      id,
      url: request.url ?? '/',
    });
  } else {
    socket.destroy();
  }
}

/** Bounds what comes before a request: the header's length in time, and idle connections kept alive. */
export function setConnectionTimeouts(server: Server, idleMs: number): void {
  server.headersTimeout = idleMs;
  server.keepAliveTimeout = 5_000;
  server.requestTimeout = 0;
  server.maxHeadersCount = 200;
}
