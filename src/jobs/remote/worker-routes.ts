import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import type { WorkerStore } from '../../auth/accounts/workers.ts';
import type { AttemptGrant, AttemptTokens } from '../../auth/tokens/attempt-tokens.ts';
import type { BlobStore } from '../../blobs/blob-store.ts';
import { AppError } from '../../core/errors.ts';
import { once, type SharedSchemas, type Validate, validatorCompiler } from '../../core/validator.ts';
import { bearerToken } from '../../http/access/bearer-token.ts';
import { toUploadError } from '../../http/requests/multipart-form.ts';
import { sendContent } from '../../http/responses/content.ts';
import { FrameReader } from '../../system/byte-frames.ts';
import type { ClaimedItem } from '../queue/job.ts';
import type { WorkQueue } from '../queue/work-queue.ts';
import type { Claims } from './claims.ts';
import {
  ClaimedSchema,
  ClaimSchema,
  EndedSchema,
  EndSchema,
  INTERNAL,
  LaneSchema,
  LeaseSchema,
  ProgressSchema,
} from './protocol.ts';
import type { ResultCheck, ResultStore } from './result-store.ts';

/** Stores the rows of an image log from a stream, and ends the item in the same transaction. */
export type StoreRows = (
  item: ClaimedItem,
  frameSetId: string,
  frames: FrameReader,
) => Promise<{ isNew: boolean; frameSetId: string }>;

export interface WorkerRoutesOptions {
  workers: WorkerStore;
  tokens: AttemptTokens;
  claims: Claims;
  queue: WorkQueue;
  results: ResultStore;
  storeRows: StoreRows;
  blobs: BlobStore;
  leaseSeconds: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of the worker's credential. For the routes with which workers claim. */
    workerId: string;
    /** What the attempt may do. For the routes of one attempt. */
    grant: AttemptGrant;
  }
}

const TYPE = 'application/octet-stream';
/** Rows of an image log may be as many as its file has. */
const MAX_BODY = Number.MAX_SAFE_INTEGER;
/** Bytes of a message in JSON. */
const MAX_JSON = 1024 * 1024;

const HashParams = Type.Object({ sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) });

/**
 * `/internal/v1`: what workers on other machines ask for. They claim with their credential. All else needs the token of one attempt,
 * which must still hold its item.
 */
export const workerRoutes: FastifyPluginAsyncTypebox<WorkerRoutesOptions> = async (app, options) => {
  const { workers, tokens, claims, queue, results, storeRows, blobs, leaseSeconds } = options;
  const config = { access: 'worker' } as const;
  const compile = once(() => validatorCompiler('json', app.getSchemas() as SharedSchemas));
  /** By operation: each schema is compiled once. */
  const validators = new Map<string, Validate>();
  const hasForm: ResultCheck = ({ name, result: schema }, result) => {
    const validate = validators.get(name) ?? compile()(schema);
    validators.set(name, validate);
    return validate(result);
  };
  app.decorateRequest('workerId');
  app.decorateRequest('grant');
  app.addContentTypeParser(TYPE, (_request, _body, done) => done(null));

  const claimRoutes: FastifyPluginAsyncTypebox = async (app) => {
    app.addHook('onRequest', async (request) => {
      request.workerId = await workers.authenticate(readToken(request));
    });

    app.post(
      '/claims',
      {
        config,
        bodyLimit: MAX_JSON,
        schema: { hide: true, body: ClaimSchema, response: { 200: ClaimedSchema, 204: Type.Null() } },
      },
      async (request, reply) => {
        const claimed = await claims.claim(request.workerId, request.body);
        return claimed ?? reply.code(204).send(null);
      },
    );

    app.get(
      '/lanes/:lane',
      {
        config,
        schema: {
          hide: true,
          params: Type.Object({ lane: LaneSchema }),
          response: { 200: Type.Object({ has_alone: Type.Boolean(), lease_seconds: Type.Number() }) },
        },
      },
      async ({ params }) => ({ has_alone: await queue.hasAlone(params.lane), lease_seconds: leaseSeconds }),
    );
  };

  const attemptRoutes: FastifyPluginAsyncTypebox = async (app) => {
    app.addHook('onRequest', async (request) => {
      request.grant = await tokens.verify(readToken(request));
    });
    const find = async ({ grant }: FastifyRequest) => {
      const found = await queue.find(grant, grant.workerId);
      if (found === undefined) throw attemptOver();
      return found;
    };
    /** The item that the attempt holds. With a cancelled job, the attempt ends here. */
    const findOpen = async (request: FastifyRequest): Promise<ClaimedItem> => {
      const { item, isCancelled } = await find(request);
      if (!isCancelled) return item;
      await queue.cancel(item);
      throw attemptOver();
    };

    app.get(
      '/inputs/:sha256',
      { config, schema: { hide: true, params: HashParams } },
      async (request, reply) => {
        const { sha256 } = request.params;
        await findOpen(request);
        const input = request.grant.inputs.find((allowed) => allowed.sha256 === sha256);
        if (input === undefined) throw new AppError('not_found', 'The attempt has no such input.');
        return sendContent(request, reply, {
          ...input,
          mediaType: TYPE,
          filename: 'input',
          cacheControl: 'no-store',
          open: async (range) =>
            Readable.from(blobs.read(Buffer.from(sha256, 'hex'), range), { objectMode: false }),
        });
      },
    );

    app.post(
      '/lease',
      { config, schema: { hide: true, response: { 200: LeaseSchema } } },
      async ({ grant }) => {
        const isValid = await workers.isValid(grant.workerId);
        const [held] = isValid ? await queue.renew([grant], leaseSeconds) : [];
        if (held === undefined) throw attemptOver();
        return { token: await tokens.sign(grant), is_cancelled: held.isCancelled };
      },
    );

    app.post(
      '/progress',
      {
        config,
        bodyLimit: MAX_JSON,
        schema: { hide: true, body: ProgressSchema, response: { 200: EndedSchema } },
      },
      async (request) => {
        await findOpen(request);
        return { is_ended: !(await queue.report(request.grant, request.body)) };
      },
    );

    app.post(
      '/end',
      {
        config,
        bodyLimit: MAX_JSON,
        schema: { hide: true, body: EndSchema, response: { 200: EndedSchema } },
      },
      async (request) => {
        const { item } = await find(request);
        return { is_ended: await results.end(item, request.body) };
      },
    );

    app.post(
      '/result',
      { config, bodyLimit: MAX_BODY, schema: { hide: true, response: { 200: EndedSchema } } },
      async (request) => {
        const item = await findOpen(request);
        const { output, maxBytes } = request.grant;
        if (!('work' in output)) throw new AppError('conflict', 'This attempt cannot store a result.');
        const frames = new FrameReader(readBody(request));
        return { is_ended: await results.store(item, output.work, maxBytes, frames, hasForm) };
      },
    );

    app.post(
      '/rows',
      { config, bodyLimit: MAX_BODY, schema: { hide: true, response: { 200: EndedSchema } } },
      async (request) => {
        const item = await findOpen(request);
        const { output } = request.grant;
        if (!('frameSet' in output)) throw new AppError('conflict', 'This attempt cannot store rows.');
        const stored = await storeRows(item, output.frameSet, new FrameReader(readBody(request)));
        const isEnded =
          stored.isNew || (await queue.succeed(item, { frameSetId: stored.frameSetId, isNew: false }));
        return { is_ended: isEnded };
      },
    );
  };

  await app.register(claimRoutes, { prefix: INTERNAL });
  await app.register(attemptRoutes, { prefix: `${INTERNAL}/attempt` });
};

function attemptOver(): AppError {
  return new AppError('invalid_credential', 'The attempt no longer holds its item.');
}

function readToken({ headers }: FastifyRequest): string {
  const token = bearerToken(headers.authorization);
  if (token === undefined)
    throw new AppError(
      'authentication_required',
      'Send the credential of a worker in Authorization: Bearer.',
    );
  return token;
}

async function* readBody(request: FastifyRequest): AsyncGenerator<Buffer> {
  try {
    yield* request.raw.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw toUploadError(error, request);
  } finally {
    // What was not read is dropped, so that the connection does not stall.
    request.raw.resume();
  }
}
