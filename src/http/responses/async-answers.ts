import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Deferral, Submitter } from '../../work/deferred.ts';
import { clientSignal } from '../connections/client-signal.ts';
import { asyncPreference, MAX_WAIT_SECONDS } from '../requests/prefer.ts';

/** The header of requests that can be answered later, for the document. */
export const PREFER_HEADER = Type.Object({
  Prefer: Type.Optional(
    Type.String({
      description:
        '`respond-async`: the work is done by a job, and the answer is 202 with its path in `Location`. ' +
        `\`respond-async, wait=10\`: the answer itself if it is ready within 10 seconds (at most ${MAX_WAIT_SECONDS}). ` +
        'Other preferences are ignored (RFC 7240). It needs no further scope; reading the job needs `jobs:read`.',
      examples: ['respond-async', 'respond-async, wait=10'],
    }),
  ),
});

/**
 * The `response` entry for requests that are answered later.
 *
 * @param content that of the other answers, although there is no body: without it, some generators give all answers of the operation the
 *   type "unknown", also for clients that never ask for this one
 * @param headers besides those that all such answers have
 */
export function acceptedResponse(content: object, headers: object = {}): Record<number, object> {
  return {
    202: {
      description:
        'Without a body: the request is valid, and a job does its work (`Prefer: respond-async`). When the job has succeeded, its `result_url` is the path of the result.',
      content,
      headers: {
        location: { type: 'string', required: true, description: 'The path of the job.' },
        'preference-applied': {
          type: 'string',
          required: true,
          description: 'The preferences that were applied.',
        },
        ...headers,
      },
    },
  };
}

/** Answers requests before their work is done, if their clients prefer that. */
export class AsyncAnswers<Outcome> {
  readonly #deferral: Pick<Deferral<never, Outcome>, 'outcome'>;
  readonly #closing = new AbortController();

  constructor(app: FastifyInstance, deferral: Pick<Deferral<never, Outcome>, 'outcome'>) {
    this.#deferral = deferral;
    // Those who wait get the answer of the job, so that they do not hold up the end of the process.
    app.addHook('preClose', async () => this.#closing.abort());
  }

  /** Whether the client prefers that. */
  isPreferred(request: FastifyRequest): boolean {
    return asyncPreference(request) !== undefined;
  }

  /**
   * Submits the work of a request whose client prefers that, and waits for it as long as the client wants.
   *
   * @param submit gives the id of the job
   * @returns what the work has made; undefined if it is not ready, with the status and the headers of that answer set
   * @throws AppError why the work failed
   */
  async defer(
    request: FastifyRequest,
    reply: FastifyReply,
    submit: (submitter: Submitter) => Promise<string>,
  ): Promise<Outcome | undefined> {
    const { waitSeconds = 0, applied = '' } = asyncPreference(request) ?? {};
    const jobId = await submit(submitterOf(request));
    const outcome = waitSeconds > 0 ? await this.#wait(request, reply, jobId, waitSeconds) : undefined;
    if (outcome === undefined)
      reply.code(202).header('location', `/jobs/${jobId}`).header('preference-applied', applied);
    return outcome;
  }

  async #wait(
    { owner }: FastifyRequest,
    reply: FastifyReply,
    jobId: string,
    seconds: number,
  ): Promise<Outcome | undefined> {
    const closing = this.#closing.signal;
    const signal = AbortSignal.any([closing, clientSignal(reply)]);
    try {
      return await this.#deferral.outcome(owner, jobId, seconds * 1000, signal);
    } catch (error) {
      if (closing.aborted && error === closing.reason) return undefined;
      throw error;
    }
  }
}

/** Who makes a request, for the job that does its work. */
function submitterOf({ owner, principal: { credential }, id }: FastifyRequest): Submitter {
  return { owner, apiKeyId: credential.type === 'api_key' ? credential.id : null, requestId: id };
}
