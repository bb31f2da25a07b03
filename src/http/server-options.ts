import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyBaseLogger, type FastifyServerOptions, LogController } from 'fastify';
import { AppError } from '../errors.ts';
import { sendProblem } from './problem-handler.ts';
import { PROBLEM_MEDIA_TYPE, toProblem } from './problems.ts';
import { schemaController } from './validation.ts';

/** Largest JSON body; uploads have limits of their own. */
const MAX_JSON_BYTES = 1024 * 1024;

/** A client's own request id is taken over where it is short and plain, so that logs of several services can be joined. */
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

function requestId(request: { headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** What reached the socket is no HTTP, or its header is too long or too slow: answered by hand, there is no request. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = toProblem(toClientError(error), { id: randomUUID(), url: '/' });
  const body = JSON.stringify(problem);
  if (socket.writable) {
    socket.end(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

function toClientError(error: Error & { code?: string }): AppError {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return new AppError('headers_too_large', 'The request headers are longer than 16 KiB.');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new AppError('request_timeout', 'The request headers took too long.');
  return new AppError('malformed_request', 'What was sent is not a well-formed HTTP/1.1 request.');
}

/** The Fastify options of the server and of every test: there is one set. */
export function createServerOptions(logger: FastifyBaseLogger) {
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestId,
    bodyLimit: MAX_JSON_BYTES,
    schemaController,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      const code = error.code === 'FST_ERR_BAD_URL' ? 'malformed_request' : 'not_found';
      sendProblem(request as never, reply as never, new AppError(code, error.message, { cause: error }));
    },
  } satisfies FastifyServerOptions;
}
