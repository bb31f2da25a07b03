import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { answerOnSocket } from './raw-socket-errors.ts';
import type { ConnectionSettings } from './settings.ts';

type Phase = 'receiving' | 'working' | 'sending';

/** Bytes moved so far, and the time. */
interface Mark {
  bytes: number;
  time: number;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  id: string;
  phase: Phase;
  /** Start of the phase, or end of the server's last turn in it. */
  start: Mark;
  /** Last time that bytes moved. */
  last: Mark;
}

function phaseOf({ request, response }: Exchange): Phase {
  if (!request.complete) return 'receiving';
  return response.headersSent ? 'sending' : 'working';
}

function movedBytes(phase: Phase, socket: Socket): number {
  return phase === 'receiving' ? socket.bytesRead : socket.bytesWritten - socket.writableLength;
}

/**
 * Ends exchanges whose client is silent, or sends or reads more slowly than a minimum, while it is the client's turn. The
 * server's own time does not count, nor does the length of an exchange that moves. Fastify's and Node's own timeouts limit
 * the whole body or answer and would cut off long streams.
 *
 * A client that is still sending gets a 408; one that does not read is cut off.
 */
export const idleTimeouts = fp(async (app, settings: ConnectionSettings) => {
  const { IDLE_TIMEOUT_MS: idleMs, MIN_TRANSFER_RATE: minRate } = settings;
  const exchanges = new Set<Exchange>();

  app.addHook('onRequest', (request, reply, done) => {
    // Requests that tests inject have no connection.
    if (!(request.raw.socket instanceof Socket)) return done();
    const now = { bytes: request.raw.socket.bytesRead, time: performance.now() };
    const exchange: Exchange = {
      request: request.raw,
      response: reply.raw,
      id: request.id,
      phase: 'receiving',
      start: now,
      last: now,
    };
    exchanges.add(exchange);
    reply.raw.once('close', () => exchanges.delete(exchange));
    done();
  });

  const check = (): void => {
    const time = performance.now();
    for (const exchange of exchanges) {
      const { request, response, start, last } = exchange;
      const { socket } = request;
      const phase = phaseOf(exchange);
      const now = { bytes: movedBytes(phase, socket), time };
      // The server may have nothing to send right now; only buffered bytes wait for the client.
      const isServersTurn = phase === 'sending' && socket.writableLength === 0 && !response.writableEnded;
      // Bytes that have arrived but are unread wait for the server: its disk or its queue is behind.
      const isPaused = phase === 'receiving' && request.readableLength > 0;
      if (phase !== exchange.phase || phase === 'working' || isServersTurn || isPaused) {
        Object.assign(exchange, { phase, start: now, last: now });
        continue;
      }
      if (now.bytes !== last.bytes) exchange.last = now;
      const isSilent = time - exchange.last.time > idleMs;
      const elapsed = time - start.time;
      const isTooSlow = elapsed > 2 * idleMs && (now.bytes - start.bytes) / (elapsed / 1000) < minRate;
      if (isSilent || isTooSlow) {
        exchanges.delete(exchange);
        endExchange(exchange, isSilent ? 'sent nothing for too long' : 'sent its body too slowly');
      }
    }
  };

  const timer = setInterval(check, Math.min(1000, idleMs / 4));
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
});

/** Cuts off a client; one that is still sending is told why. */
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

/** Limits the time before a request: for its headers, and between requests on a connection. */
export function setConnectionTimeouts(server: Server, { IDLE_TIMEOUT_MS }: ConnectionSettings): void {
  server.headersTimeout = IDLE_TIMEOUT_MS;
  server.keepAliveTimeout = 5_000;
  server.requestTimeout = 0;
  server.maxHeadersCount = 200;
}
