import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyReply, LogController } from 'fastify';
import { AppError } from '../core/errors.ts';
import { SECURITY_HEADERS } from './access/security-headers.ts';
import { type AccessSettings, splitList } from './access/settings.ts';
import { answerClientError } from './connections/raw-socket-errors.ts';
import { logUnrouted } from './operators/request-log.ts';
import { sendProblem } from './problem-handler.ts';
import { PROBLEMS } from './problems/problems.ts';
import { MAX_JSON_BYTES } from './requests/json-bodies.ts';
import { schemaController } from './schema-compilers.ts';

/** A client's request id is kept if it is short and plain, so that the logs of several services can be joined. */
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

function requestId(request: { headers: IncomingMessage['headers'] }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The Fastify options of the server and of all tests. */
export function createServerOptions(
  logger: FastifyBaseLogger,
  { TRUSTED_PROXIES }: Pick<AccessSettings, 'TRUSTED_PROXIES'>,
) {
  const proxies = splitList(TRUSTED_PROXIES);
  return {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: requestId,
    http: {
      // Node's answer to a missing Host is not a problem document; the origin guard's answer is.
      requireHostHeader: false,
      // How often Node checks for headers that take too long. Its default of 30 s is too rare.
      connectionsCheckingInterval: 1000,
    },
    trustProxy: proxies.length > 0 ? proxies : false,
    bodyLimit: MAX_JSON_BYTES,
    schemaController,
    forceCloseConnections: 'idle',
    // `refuseWhileClosing` answers instead.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: (error, socket) => answerClientError(error, socket, logger),
    frameworkErrors: (error, request, reply) => {
      const code = error.code === 'FST_ERR_BAD_URL' ? 'malformed_request' : 'not_found';
      // No hook has run.
      const headed = (reply as FastifyReply).headers({ 'x-request-id': request.id, ...SECURITY_HEADERS });
      const { id, ip: client, method, url } = request;
      logUnrouted(logger, { request_id: id, client, method, url, status: PROBLEMS[code].status, code });
      sendProblem(request as never, headed, new AppError(code, error.message, { cause: error }));
    },
  } satisfies FastifyHttpOptions<Server>;
}
