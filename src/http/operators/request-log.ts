import type { ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { ErrorCode } from '../../core/errors.ts';

/** Characters of a path that are logged. */
const MAX_PATH = 500;

const codes = new WeakMap<ServerResponse, ErrorCode>();

/** Remembers which problem an answer is, for the log. */
export function noteProblem(answer: ServerResponse, code: ErrorCode): void {
  codes.set(answer, code);
}

/** One line of the log for a request. */
interface RequestLine {
  /** The address of the client. */
  client: string | undefined;
  method?: string | undefined;
  /** Without the query, which may hold secrets. */
  path?: string;
  /** Missing if the client has gone before it was answered. */
  status?: number;
  /** The code of the problem, if it is one. */
  code?: ErrorCode | undefined;
  /** Milliseconds until the answer was sent. */
  ms?: number;
}

/** Logs a request that no route has handled. */
export function logUnrouted(
  log: FastifyBaseLogger,
  { url, ...line }: RequestLine & { request_id: string; url: string | undefined },
): void {
  log.info({ ...line, ...(url === undefined ? {} : { path: pathOf(url) }) }, 'request');
}

const pathOf = (url: string): string => (url.split('?', 1)[0] ?? '').slice(0, MAX_PATH);

function lineOf(request: FastifyRequest, reply: FastifyReply): RequestLine {
  const isAnswered = reply.raw.writableFinished || codes.has(reply.raw);
  return {
    client: request.ip,
    method: request.method,
    path: pathOf(request.url),
    ...(isAnswered ? { status: reply.statusCode } : {}),
    code: codes.get(reply.raw),
    ms: Math.round(reply.elapsedTime * 10) / 10,
  };
}

/** Logs each request when it is over: answered, or abandoned by its client. */
export const requestLog = fp(async (app) => {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.raw.once('close', () => {
      const line = lineOf(request, reply);
      request.log.info(line, line.status === undefined ? 'request abandoned by its client' : 'request');
    });
    done();
  });
});
