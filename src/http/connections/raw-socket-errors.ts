import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { SECURITY_HEADERS } from '../access/security-headers.ts';
import { logUnrouted } from '../operators/request-log.ts';
import { PROBLEM_MEDIA_TYPE, PROBLEMS, toProblem } from '../problems/problems.ts';
import { closeLingering } from './lingering-close.ts';

/** Short, because the request's handler and its temporary files stay until the connection closes. */
const LINGER_MS = 1_000;

/** Connections that have had their last answer. */
const answered = new WeakSet<Socket>();

/**
 * Writes a problem to a connection on which no answer has begun, and closes it: for failures outside a request's handler. If an
 * answer has begun, the connection is destroyed, so that the answer cannot look complete.
 */
export function answerOnSocket(
  socket: Socket,
  error: AppError,
  request: { id: string; url: string; method?: string },
): void {
  answered.add(socket);
  // Node's own handler of malformed requests uses this field, too: there is no public one for the current answer.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null };
  if (!socket.writable || response?.headersSent) {
    socket.destroy();
    return;
  }
  const problem = toProblem(error, request);
  const body = JSON.stringify(problem);
  const headers = {
    connection: 'close',
    date: new Date().toUTCString(),
    'cache-control': 'no-store',
    'x-request-id': request.id,
    ...SECURITY_HEADERS,
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n`;
  socket.write(request.method === 'HEAD' ? head : head + body);
  closeLingering(socket, LINGER_MS);
}

/** Answers bytes that are not HTTP, and headers that are too long or too slow: there is no complete request for a handler. */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  log: FastifyBaseLogger,
): void {
  // The parser fails again for every further chunk, and if the client closes its side after an answer.
  if (error.code === 'ECONNRESET' || socket.destroyed || answered.has(socket)) return;
  answerUnrouted(socket, toClientError(error), { method: undefined, url: undefined }, log);
}

function toClientError({ code }: { code?: string }): AppError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new AppError('headers_too_large', 'The request headers are longer than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('request_timeout', 'The request headers took too long.');
    case 'HPE_INVALID_EOF_STATE':
      return new AppError('incomplete_body', 'The request ended before it was complete.');
    default:
      return new AppError('malformed_request', 'The request is not well-formed HTTP/1.1.');
  }
}

/** Answers an `Expect` header that asks for anything but `100-continue` (RFC 9110, 10.1.1). */
export function refuseExpectation(request: IncomingMessage, log: FastifyBaseLogger): void {
  const error = new AppError('expectation_failed', 'Expect may only ask for 100-continue.');
  answerUnrouted(request.socket, error, request, log);
}

function answerUnrouted(
  socket: Socket,
  error: AppError,
  { method, url }: Pick<IncomingMessage, 'method' | 'url'>,
  log: FastifyBaseLogger,
): void {
  const id = randomUUID();
  const { status } = PROBLEMS[error.code];
  logUnrouted(log, { request_id: id, client: socket.remoteAddress, method, url, status, code: error.code });
  answerOnSocket(socket, error, { id, url: url ?? '/', ...(method === undefined ? {} : { method }) });
}
