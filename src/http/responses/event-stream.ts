import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { bytesContent } from '../../core/schema.ts';
import { clientSignal } from '../connections/client-signal.ts';
import { emptyResponse } from './responses.ts';

const MEDIA_TYPE = 'text/event-stream';

/** Pause after which a client connects again when its connection was lost. */
const RETRY_MS = 2_000;
/** A comment is sent after this long without an event, so that nothing between takes the connection for dead. */
const HEARTBEAT_MS = 15_000;
/** How often the credential of a stream is checked while nothing happens. It is also checked before each event. */
const CHECK_EVERY_MS = 5_000;
/** For a client that has as many streams as it may have. */
const RETRY_AFTER_S = 5;

/** An event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface ServerEvent {
  event: string;
  /** What a client that connects again sends as `Last-Event-ID`. */
  id: string;
  /** Sent as JSON. */
  data: object;
}

/** The `response` entries of a stream of events. */
export function eventResponses(description: string) {
  return {
    200: {
      description,
      content: bytesContent(MEDIA_TYPE),
      headers: {
        'x-accel-buffering': {
          type: 'string',
          required: true,
          description: '`no`: nginx passes events on at once.',
        },
      },
    },
    204: emptyResponse('The client has had the last event (`Last-Event-ID`), so it need not connect again.'),
  };
}

/** Sends streams of events, and limits how many each user has at the same time. */
export class EventStreams {
  readonly #max: number;
  readonly #counts = new Map<string, number>();
  readonly #closing = new AbortController();

  /** @param max streams of one user */
  constructor(max: number) {
    this.#max = max;
  }

  /** Ends all streams. Their clients connect again, perhaps to another process. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Sends events until there are no more, the client leaves, its credential ends or the process stops. Events are only taken from the source
   * when the client has read the earlier ones, so a source should always give the latest state.
   *
   * @param open begins to give events; it ends when the signal is aborted
   * @throws AppError `too_many_streams`
   */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    open: (signal: AbortSignal) => AsyncGenerator<ServerEvent, void, undefined>,
  ): FastifyReply {
    const isHead = request.method === 'HEAD';
    // A refusal does not have the headers of a stream.
    const release = isHead ? () => undefined : this.#enter(request.principal.id);
    reply
      .type(MEDIA_TYPE)
      .header('cache-control', 'private, no-cache, no-transform')
      // Otherwise nginx holds events back.
      .header('x-accel-buffering', 'no');
    if (isHead) return reply.send();
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, clientSignal(reply), this.#closing.signal]);
    const check = setInterval(async () => {
      if (!(await request.isStillAuthorized())) ended.abort();
    }, CHECK_EVERY_MS).unref();
    const end = () => {
      clearInterval(check);
      ended.abort();
      release();
    };
    reply.raw.once('close', end);
    return reply.send(
      Readable.from(
        encode(open(signal), () => request.isStillAuthorized(), signal),
        { objectMode: false, highWaterMark: 1 },
      ),
    );
  }

  /** @returns a function that gives the place back, once */
  #enter(user: string): () => void {
    const count = this.#counts.get(user) ?? 0;
    if (count >= this.#max) {
      throw new AppError(
        'too_many_streams',
        `You follow ${count} streams of events, the maximum for one user.`,
        {
          retryAfter: RETRY_AFTER_S,
        },
      );
    }
    this.#counts.set(user, count + 1);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      const left = (this.#counts.get(user) ?? 1) - 1;
      if (left === 0) this.#counts.delete(user);
      else this.#counts.set(user, left);
    };
  }
}

/** The bytes of events, with comments in longer pauses. */
async function* encode(
  events: AsyncGenerator<ServerEvent, void, undefined>,
  isAuthorized: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(`retry: ${RETRY_MS}\n\n`);
  try {
    let next = events.next();
    while (!signal.aborted) {
      const heartbeat = new AbortController();
      const pause = sleep(HEARTBEAT_MS, undefined, { signal: heartbeat.signal, ref: false }).catch(
        () => undefined,
      );
      const result = await Promise.race([next, pause]);
      heartbeat.abort();
      if (result === undefined) {
        yield Buffer.from(':\n\n');
        continue;
      }
      if (result.done || !(await isAuthorized())) return;
      const { event, id, data } = result.value;
      yield Buffer.from(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
      next = events.next();
      // It may fail while the client is still reading.
      next.catch(() => undefined);
    }
  } finally {
    await events.return();
  }
}
