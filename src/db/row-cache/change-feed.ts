import { randomUUID } from 'node:crypto';
import { on } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';

/** The channel of the migrations' triggers; a payload is the table, a blank and the row's id. */
const CHANNEL = 'coreframe_changes';
/** Age of the last proof, in milliseconds, at which the next one is asked for. */
const RENEW_AFTER_MS = 500;
/** How long a proof stays valid, in milliseconds. */
const CURRENT_FOR_MS = 2_000;
/** Longest wait for a connection and its first notification. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Pause after an attempt that failed. */
const RETRY_AFTER_MS = 1_000;
/** Pause if notifications do not come through at all, which a retry seldom mends. */
const RETRY_DEAF_AFTER_MS = 60_000;

/** Someone who keeps rows of a table in memory. */
export interface ChangeListener {
  table: string;
  /** A row was changed or deleted, by this or any other process. */
  changed(id: string): void;
  /** What was kept may have changed unheard. */
  reset(): void;
}

export interface ChangeFeedOptions {
  /** How the feed connects. */
  client: pg.ClientConfig;
  newSocket(): Socket;
  /** Notifies through another connection. */
  notify(channel: string, payload: string): Promise<unknown>;
  logger?: { warn(fields: object, message: string): void } | undefined;
}

interface Connection {
  client: pg.Client;
  socket: Socket;
}

/**
 * Tells which rows were changed or deleted, by whichever process: see README.md. It connects when `isCurrent` is first asked, and
 * sends nothing to the server while nobody asks.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #listeners = new Set<ChangeListener>();
  #connection: Connection | undefined;
  #isListening = false;
  /** When the latest answered query was sent: everything committed before that has been heard of. */
  #provenAt = Number.NEGATIVE_INFINITY;
  #proof: Promise<void> | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /** Whether the feed waits for an answer of the server. */
  get isWaiting(): boolean {
    return this.#proof !== undefined;
  }

  /** Whether kept rows may be used now: whether everything committed until 2 s ago has been heard of. */
  get isCurrent(): boolean {
    const now = performance.now();
    const age = now - this.#provenAt;
    if (age > RENEW_AFTER_MS && this.#proof === undefined && now >= this.#retryAt) void this.#prove();
    return age <= CURRENT_FOR_MS;
  }

  subscribe(listener: ChangeListener): void {
    this.#listeners.add(listener);
  }

  /** Waits until everything that was committed before the call has been heard of. */
  async caughtUp(): Promise<void> {
    // Without listening, no kept row is used.
    if (!this.#isListening) return;
    // The proof that is under way may have been asked for before that commit.
    await this.#proof;
    if (this.#isListening) await this.#prove();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#connection?.socket.destroy();
    await this.#proof;
  }

  /** Asks the server for a sign of life, or connects to it. Does not throw. */
  #prove(): Promise<void> {
    if (this.#proof) return this.#proof;
    // A later answer would prove nothing. To connect may take longer than to answer.
    const deadline = AbortSignal.timeout(this.#isListening ? CURRENT_FOR_MS : CONNECT_TIMEOUT_MS);
    const breakOff = () => this.#connection?.socket.destroy();
    deadline.addEventListener('abort', breakOff);
    this.#proof = (this.#isListening ? this.#ask() : this.#connect(deadline))
      .catch(() => {
        breakOff();
        this.#lost();
      })
      .then(() => {
        deadline.removeEventListener('abort', breakOff);
        this.#proof = undefined;
      });
    return this.#proof;
  }

  /** PostgreSQL sends the notifications of everything committed before a query no later than the query's answer. */
  async #ask(): Promise<void> {
    const sentAt = performance.now();
    await this.#connection?.client.query('SELECT 1');
    if (this.#isListening) this.#provenAt = sentAt;
  }

  async #connect(deadline: AbortSignal): Promise<void> {
    if (this.#isClosed) return;
    this.#retryAt = performance.now() + RETRY_AFTER_MS;
    const socket = this.#options.newSocket();
    const client = new pg.Client({
      ...this.#options.client,
      fallback_application_name: 'coreframe changes',
      stream: () => socket,
    });
    this.#connection = { client, socket };
    client.on('error', () => undefined);
    client.on('end', () => {
      if (this.#connection?.client === client) this.#lost();
    });
    client.on('notification', ({ payload = '' }) => this.#hear(payload));
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    const sentAt = performance.now();
    const isDeaf = !(await this.#hearsItself(client, deadline));
    if (isDeaf) {
      this.#retryAt = performance.now() + RETRY_DEAF_AFTER_MS;
      this.#options.logger?.warn(
        {},
        'the database passes no notifications on, so that it is asked each time',
      );
      socket.destroy();
      return;
    }
    // The connection may have been lost after the notification came and before it was read.
    if (socket.destroyed) throw new Error('The connection was lost.');
    this.#reset();
    this.#isListening = true;
    this.#provenAt = sentAt;
  }

  /**
   * Whether a notification that is sent over another connection arrives in time.
   *
   * @throws Error if the connection is lost meanwhile, or the notification is sent too late
   */
  async #hearsItself(client: pg.Client, deadline: AbortSignal): Promise<boolean> {
    const echo = `echo ${randomUUID()}`;
    const heard = on(client, 'notification', { signal: deadline, close: ['end'] });
    await this.#options.notify(CHANNEL, echo);
    deadline.throwIfAborted();
    try {
      for await (const [{ payload }] of heard) if (payload === echo) return true;
    } catch (error) {
      if (deadline.aborted) return false;
      throw error;
    }
    throw new Error('The connection was lost.');
  }

  #hear(payload: string): void {
    const [table, id = ''] = payload.split(' ', 2);
    for (const listener of this.#listeners) if (listener.table === table) listener.changed(id);
  }

  #lost(): void {
    this.#isListening = false;
    this.#provenAt = Number.NEGATIVE_INFINITY;
    this.#reset();
  }

  #reset(): void {
    for (const listener of this.#listeners) listener.reset();
  }
}
