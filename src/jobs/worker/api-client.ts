import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { AppError, ERROR_CODES } from '../../core/errors.ts';
import type { Lane } from '../queue/job.ts';
import {
  type ClaimBody,
  type ClaimedBody,
  EndedSchema,
  INTERNAL,
  type LeaseBody,
} from '../remote/protocol.ts';

/** The API has not answered, or is in trouble. The worker tries again. */
export class ApiUnavailable extends AppError {
  constructor(cause: unknown) {
    super('overloaded', 'The API cannot be reached at the moment.', { cause });
  }
}

/** The API no longer accepts the token of an attempt: another one has taken its place, or the job or the worker is gone. */
export class AttemptOver extends Error {
  override readonly name = 'AttemptOver';
}

/** Failures in a row after which an input is given up. */
const MAX_FAILURES = 5;
const RESUME_PAUSE_MS = 500;

/** After this, a request without a body of any size counts as failed. */
const TIMEOUT_MS = 30_000;

const LaneAnswer = Type.Object({ has_alone: Type.Boolean(), lease_seconds: Type.Number() });
const ProblemAnswer = Type.Object({ code: Type.String(), detail: Type.String() });

export interface ApiOptions {
  /** Its URL, as clients have it. */
  url: string;
  /** `cfw_…` */
  credential: string;
}

/** What a worker asks the API for. */
export class ApiClient {
  readonly #base: string;
  readonly #credential: string;

  constructor({ url, credential }: ApiOptions) {
    this.#base = url.replace(/\/+$/, '') + INTERNAL;
    this.#credential = credential;
  }

  /** What is known of a lane. */
  async lane(lane: Lane): Promise<{ hasAlone: boolean; leaseSeconds: number }> {
    const answer = await this.#ask('GET', `/lanes/${lane}`, this.#credential);
    const { has_alone: hasAlone, lease_seconds: leaseSeconds } = read(LaneAnswer, await answer.json());
    return { hasAlone, leaseSeconds };
  }

  /** Uses up a permit. @returns undefined if no item waits */
  async claim(body: ClaimBody): Promise<ClaimedBody | undefined> {
    const answer = await this.#ask('POST', '/claims', this.#credential, json(body));
    // The API is trusted: it has checked what it sends.
    return answer.status === 204 ? undefined : ((await answer.json()) as ClaimedBody);
  }

  /**
   * The bytes of an input. If the connection breaks, they go on where they ended.
   *
   * @param attempt whose token, which may change, allows them
   */
  async *input(attempt: { token: string }, sha256: string): AsyncGenerator<Buffer> {
    let received = 0;
    for (let failures = 0; ; ) {
      try {
        for await (const chunk of await this.#openInput(attempt.token, sha256, received)) {
          received += chunk.length;
          failures = 0;
          yield chunk;
        }
        return;
      } catch (error) {
        failures += 1;
        if (!(error instanceof ApiUnavailable) || failures > MAX_FAILURES) throw error;
        await sleep(failures * RESUME_PAUSE_MS);
      }
    }
  }

  async #openInput(token: string, sha256: string, from: number): Promise<AsyncIterable<Buffer>> {
    const headers = from === 0 ? {} : { range: `bytes=${from}-` };
    const answer = await this.#ask('GET', `/attempt/inputs/${sha256}`, token, { headers, timeoutMs: null });
    const { body } = answer;
    if (body === null || answer.status !== (from === 0 ? 200 : 206))
      throw new Error(`The API has answered with ${answer.status} instead of the bytes from ${from} on.`);
    return readBody(Readable.fromWeb(body));
  }

  async renew(token: string): Promise<LeaseBody> {
    const answer = await this.#ask('POST', '/attempt/lease', token);
    return (await answer.json()) as LeaseBody;
  }

  /** Sends a message of an attempt. @returns whether it has ended the item */
  async send(token: string, path: '/progress' | '/end', body: object): Promise<boolean> {
    const answer = await this.#ask('POST', `/attempt${path}`, token, json(body));
    return read(EndedSchema, await answer.json()).is_ended;
  }

  /** Sends a result of any size. @returns whether it has ended the item */
  async stream(
    token: string,
    path: '/result' | '/rows',
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const answer = await this.#ask('POST', `/attempt${path}`, token, {
      type: 'application/octet-stream',
      body: bytes,
      signal,
      timeoutMs: null,
    });
    return read(EndedSchema, await answer.json()).is_ended;
  }

  /**
   * @throws ApiUnavailable if it does not answer or is in trouble; AttemptOver if the token of an attempt is refused
   * @throws AppError any other refusal
   */
  async #ask(method: string, path: string, token: string, options: AskOptions = {}): Promise<Response> {
    const { headers, type, body, signal, timeoutMs = TIMEOUT_MS } = options;
    const signals = [signal ?? [], timeoutMs === null ? [] : AbortSignal.timeout(timeoutMs)].flat();
    let answer: Response;
    try {
      answer = await fetch(this.#base + path, {
        method,
        headers: {
          ...headers,
          authorization: `Bearer ${token}`,
          ...(type === undefined ? {} : { 'content-type': type }),
        },
        ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' }),
        redirect: 'error',
        signal: signals.length === 0 ? null : AbortSignal.any(signals),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new ApiUnavailable(error);
    }
    if (answer.ok) return answer;
    const text = await answer.text().catch(() => '');
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408)
      throw new ApiUnavailable(new Error(`${answer.status}: ${text.slice(0, 500)}`));
    if (answer.status === 401 && token !== this.#credential) throw new AttemptOver();
    throw toError(answer.status, text);
  }
}

/** Fails as the API does when it is away. */
async function* readBody(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    throw new ApiUnavailable(error);
  }
}

interface AskOptions {
  headers?: Record<string, string>;
  type?: string;
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
  /** Milliseconds until the answer must have begun and ended; null: no limit. */
  timeoutMs?: number | null;
}

function json(body: object): AskOptions {
  return { type: 'application/json', body: JSON.stringify(body) };
}

function read<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (!Value.Check(schema, value)) throw new Error('The API has answered with something unexpected.');
  return value;
}

function toError(status: number, text: string): AppError {
  try {
    const { code, detail } = read(ProblemAnswer, JSON.parse(text));
    return new AppError(ERROR_CODES.find((known) => known === code) ?? 'internal_error', detail);
  } catch {
    return new AppError('internal_error', `The API has answered with the status ${status}.`);
  }
}
