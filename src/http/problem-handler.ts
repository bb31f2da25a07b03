import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { ErrorObject } from 'ajv';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { AppError, type ErrorCode, type Fault } from '../core/errors.ts';
import { didYouMean } from '../core/suggestion.ts';
import { ClientGone } from './connections/client-signal.ts';
import { lingerAfterAnswer } from './connections/lingering-close.ts';
import { refuseExpectation } from './connections/raw-socket-errors.ts';
import { noteProblem } from './operators/request-log.ts';
import { CHALLENGE, PROBLEM_MEDIA_TYPE, PROBLEMS, toProblem } from './problems/problems.ts';
import { RouteTable, type StepExamples } from './problems/route-table.ts';
import { toValidationError } from './problems/validation.ts';
import { contentTypeError } from './requests/header-faults.ts';
import { MAX_JSON_BYTES } from './requests/json-bodies.ts';

/**
 * Failures of Fastify and its plugins by their codes, some with a better explanation. Any other 4xx that they raise becomes a
 * malformed request.
 */
const FRAMEWORK_CODES: Readonly<Record<string, [code: ErrorCode, detail?: string]>> = {
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['incomplete_body'],
  FST_INVALID_MULTIPART_CONTENT_TYPE: ['unsupported_media_type'],
  FST_PROTO_VIOLATION: ['malformed_multipart'],
  FST_MP_PREMATURE_CLOSE: ['incomplete_body'],
};

/** Gives a known failure of a lower layer (a driver, the file system) a public explanation. */
export type ErrorTranslator = (error: unknown) => AppError | undefined;

/** The failure as the client may see it; an unknown failure is an internal error without details. */
export function toPublicError(error: unknown, request: FastifyRequest, translate: ErrorTranslator): AppError {
  if (error instanceof AppError) return error;
  // The server has not failed, and no client reads the answer.
  if (error instanceof ClientGone) return new AppError('incomplete_body', error.message, { cause: error });
  const { code, statusCode, validation, validationContext, message }: Partial<FastifyError> =
    error instanceof Error ? error : {};
  if (validation) return toValidationError(request, validationContext ?? 'body', validation as ErrorObject[]);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const { bodyLimit = MAX_JSON_BYTES } = request.routeOptions;
    return new AppError('request_too_large', `The body is larger than the maximum of ${bodyLimit} bytes.`, {
      cause: error,
    });
  }
  // A body without a type.
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return contentTypeError(request, 'application/json');
  const translated = translate(error);
  if (translated) return translated;
  if (code !== undefined && typeof statusCode === 'number' && message !== undefined) {
    const [known, detail = message] = FRAMEWORK_CODES[code] ?? [];
    if (known) return new AppError(known, detail, { cause: error });
    if (statusCode >= 400 && statusCode < 500)
      return new AppError('malformed_request', message, { cause: error });
  }
  return new AppError('internal_error', 'The server failed to handle the request; its log has the reason.', {
    cause: error,
  });
}

/** Sends the problem of a failure, with additional members from the route (RFC 9457, 3.2). */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: AppError,
  extensions: Record<string, unknown> = {},
): FastifyReply {
  const problem = { ...toProblem(error, request), ...extensions };
  noteProblem(reply.raw, error.code);
  if (error.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfter)));
  if (problem.status === 401 && !reply.hasHeader('www-authenticate'))
    reply.header('www-authenticate', CHALLENGE);
  if (error.scope !== undefined)
    reply.header('www-authenticate', `${CHALLENGE}, error="insufficient_scope", scope="${error.scope}"`);
  // These belong to the answer that failed.
  for (const name of ['etag', 'content-location', 'content-disposition']) reply.removeHeader(name);
  // The rest of the body is read only as far as needed to answer.
  if (!request.raw.complete) {
    reply.header('connection', 'close');
    // Requests that tests inject have no connection.
    if (request.raw.socket instanceof Socket) lingerAfterAnswer(request.raw.socket);
  }
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .serializer((payload) => JSON.stringify(payload))
    .send(problem);
}

/** The error, with what was probably meant by a path that holds a wrong value: `/images/upload` is not an image. */
function withSuggestion(error: AppError, suggest: () => string | undefined): AppError {
  const isInPath = (fault: Fault) => 'location' in fault && fault.location === 'path';
  const hint = error.errors.some(isInPath) ? didYouMean(suggest()) : '';
  if (hint === '') return error;
  const errors = error.errors.map((fault) =>
    isInPath(fault) ? { ...fault, message: fault.message + hint } : fault,
  );
  return new AppError(error.code, error.detail + hint, { errors, cause: error });
}

interface ProblemHandlerOptions {
  translate: ErrorTranslator;
  steps?: StepExamples;
}

/** Answers every failure with a problem document (RFC 9457): thrown errors, unknown paths, wrong methods. */
export const problemHandler = fp(async (app, { translate, steps }: ProblemHandlerOptions) => {
  const routes = new RouteTable(steps);
  app.addHook('onRoute', ({ url, method }) => routes.add(url, [method].flat()));

  app.server.on('checkExpectation', (request: IncomingMessage) => refuseExpectation(request, app.log));

  app.setErrorHandler((error, request, reply) => {
    const publicError = toPublicError(error, request, translate);
    const { status } = PROBLEMS[publicError.code];
    if (status >= 500)
      request.log[status === 503 ? 'warn' : 'error'](
        { err: publicError.cause ?? error, code: publicError.code },
        'request failed',
      );
    // The framework's own error holds everything that was sent, with passwords.
    else request.log.debug({ err: publicError, code: publicError.code }, 'request refused');
    const suggest = () => routes.suggest(request.method, pathOf(request));
    return sendProblem(request, reply, withSuggestion(publicError, suggest));
  });

  // Before the body is parsed: what is wrong with it does not matter, and Fastify demands a Content-Type of some methods.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) throw unroutedError(request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    throw unroutedError(request, reply);
  });

  /** Why there is no route for a request: the path does not exist, or it does not support the method. */
  const unroutedError = (request: FastifyRequest, reply: FastifyReply): AppError => {
    const path = pathOf(request);
    const methods = routes.methodsOf(path);
    const suggestion = routes.suggest(request.method, path);
    const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`;
    if (methods.length > 0) {
      reply.header('allow', methods.join(', '));
      return new AppError(
        'method_not_allowed',
        `This path does not support ${request.method}, only ${methods.join(', ')}.${hint}`,
      );
    }
    return new AppError('not_found', `This path does not exist.${hint} GET /docs lists all paths.`);
  };
});

/** The path of a request, without its query. */
function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? '/';
}
