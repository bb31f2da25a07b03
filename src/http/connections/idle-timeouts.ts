import type { Server } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { noteProblem } from '../operators/request-log.ts';
import { PROBLEMS } from '../problems/problems.ts';
import { answerOnSocket } from './raw-socket-errors.ts';
import type { ConnectionSettings } from './settings.ts';

type Phase = 'receiving' | 'working' | 'sending';

/** Bytes moved so far, and the time. */
interface Mark {
  bytes: number;
  time: number;
}

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
  phase: Phase;
  /** Start of the phase, or end of the server's last turn in it. */
  start: Mark;
  /** Last time that bytes moved. */
  last: Mark;
}

/** The idle timeout of uploads while others wait for their places. */
const CROWDED_IDLE_MS = 5_000;

export interface IdleTimeoutOptions extends ConnectionSettings {
  /** Whether uploads wait for a place. */
  areUploadsCrowded: () => boolean;
}

function phaseOf({ request, reply }: Exchange): Phase {
  if (!request.raw.complete) return 'receiving';
  return reply.raw.headersSent ? 'sending' : 'working';
}

function movedBytes(phase: Phase, socket: Socket): number {
  return phase === 'receiving' ? socket.bytesRead : socket.bytesWritten - socket.writableLength;
}

/**
 * Ends exchanges whose client is silent, or sends or reads more slowly than a minimum, while it is the client's turn. The
 * server's own time does not count, nor does the length of an exchange that moves. Fastify's and Node's own timeouts limit
 * the whole body or answer and would cut off long streams.
 *
 * A client that is still sending gets a 408; one that does not read is cut off. While uploads wait for a place, one that has
 * stopped gives up its own sooner.
 */
export const idleTimeouts = fp(async (app, options: IdleTimeoutOptions) => {
  const { IDLE_TIMEOUT_MS, MIN_TRANSFER_RATE: minRate, areUploadsCrowded } = options;
  const exchanges = new Set<Exchange>();

  app.addHook('onRequest', (request, reply, done) => {
    // Requests that tests inject have no connection.
    if (!(request.raw.socket instanceof Socket)) return done();
    const now = { bytes: request.raw.socket.bytesRead, time: performance.now() };
    const exchange: Exchange = { request, reply, phase: 'receiving', start: now, last: now };
    exchanges.add(exchange);
    reply.raw.once('close', () => exchanges.delete(exchange));
    done();
  });

  const check = (): void => {
    const time = performance.now();
    const receivingMs = areUploadsCrowded() ? Math.min(IDLE_TIMEOUT_MS, CROWDED_IDLE_MS) : IDLE_TIMEOUT_MS;
    for (const exchange of exchanges) {
      const { request, reply, start, last } = exchange;
      const { socket } = request.raw;
      const phase = phaseOf(exchange);
      const idleMs = phase === 'receiving' ? receivingMs : IDLE_TIMEOUT_MS;
      const now = { bytes: movedBytes(phase, socket), time };
      // The server may have nothing to send right now; only buffered bytes wait for the client.
      const isServersTurn = phase === 'sending' && socket.writableLength === 0 && !reply.raw.writableEnded;
      // Bytes that have arrived but are unread wait for the server: its disk or its queue is behind.
      const isPaused = phase === 'receiving' && request.raw.readableLength > 0;
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

  const timer = setInterval(check, Math.min(1000, IDLE_TIMEOUT_MS / 4));
  timer.unref();
  app.addHook('onClose', async () => clearInterval(timer));
});

/** Cuts off a client; one that is still sending is told why. */
function endExchange({ request, reply, phase }: Exchange, reason: string): void {
  const { socket } = request.raw;
  if (phase === 'receiving' && !reply.raw.headersSent && socket.writable) {
    const error = new AppError('request_timeout', `The client ${reason}.`);
    // For the log; the answer itself is written to the socket.
    reply.code(PROBLEMS[error.code].status);
    noteProblem(reply.raw, error.code);
    answerOnSocket(socket, error, request);
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
