import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../../core/errors.ts';
import { PROBLEM_MEDIA_TYPE, toProblem } from '../problems/problems.ts';
import { closeLingering } from './lingering-close.ts';

/** Short, for the handler of a broken request and its temporary files go only with the connection. */
const LINGER_MS = 1_000;

/**
 * Writes a problem to a connection on which no answer has begun, and closes it: for failures outside of a request's
 * handler. If an answer is under way, its connection is broken off, so that it cannot look complete.
 */
export function answerOnSocket(socket: Socket, error: AppError, request: { id: string; url: string }): void {
  // Node's own handler of malformed requests looks there, too: nothing public tells what is being answered.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null };
  if (!socket.writable || response?.headersSent) {
    socket.destroy();
    return;
  }
  const problem = toProblem(error, request);
  const body = JSON.stringify(problem);
  socket.write(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nConnection: close\r\n` +
      `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  closeLingering(socket, LINGER_MS);
}

const answered = new WeakSet<Socket>();

/** Answers bytes that are not HTTP, and headers that are too long or too slow: there is no request, or only a part of one. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // The parser fails again for every further piece that comes.
  if (error.code === 'ECONNRESET' || socket.destroyed || answered.has(socket)) return;
  answered.add(socket);
  answerOnSocket(socket, toClientError(error), { id: randomUUID(), url: '/' });
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
      return new AppError('malformed_request', 'What was sent is not a well-formed HTTP/1.1 request.');
  }
}

/** Answers an `Expect` header that asks for anything but `100-continue` (RFC 9110, 10.1.1). */
export function refuseExpectation(request: IncomingMessage, _response: ServerResponse): void {
  const error = new AppError('expectation_failed', 'Of Expect, only 100-continue can be met.');
  answerOnSocket(request.socket, error, { id: randomUUID(), url: request.url ?? '/' });
}
