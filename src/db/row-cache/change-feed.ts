import { randomUUID } from 'node:crypto';
import { on } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';

/** The channel of the migrations' triggers; a payload is the table, a space and the row's id. */
const CHANNEL = 'coreframe_changes';
/** Age of the last proof at which it is renewed. */
const RENEW_AFTER_MS = 500;
/** How long a proof stays valid. */
const CURRENT_FOR_MS = 2_000;
/** Maximum wait for a connection and its first notification. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Pause after a failed attempt. */
const RETRY_AFTER_MS = 1_000;
/** Pause if notifications do not arrive at all, which a retry seldom fixes. */
const RETRY_DEAF_AFTER_MS = 60_000;

/** A cache of a table's rows. */
export interface ChangeListener {
  table: string;
  /** Called when a row was changed or deleted by this or another process. */
  changed(id: string): void;
  /** Called when any row may have changed unnoticed. */
  reset(): void;
}

export interface ChangeFeedOptions {
  client: pg.ClientConfig;
  newSocket(): Socket;
  /** Sends a notification over another connection. */
  notify(channel: string, payload: string): Promise<unknown>;
  logger?: { warn(fields: object, message: string): void } | undefined;
}

/**
 * Reports which rows were changed or deleted by any process. See README.md. It connects when `isCurrent` is first read, and sends
 * nothing to the server while nobody reads it.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #listeners = new Set<ChangeListener>();
  #connection: { client: pg.Client; socket: Socket } | undefined;
  #isListening = false;
  /** When the latest answered query was sent: the feed knows of everything committed before that. */
  #provenAt = Number.NEGATIVE_INFINITY;
  #proof: Promise<void> | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /** Whether the feed is waiting for the server to answer. */
  get isWaiting(): boolean {
    return this.#proof !== undefined;
  }

  /** Whether kept rows may be used now: the feed knows of everything committed until 2 s ago. */
  get isCurrent(): boolean {
    const now = performance.now();
    const age = now - this.#provenAt;
    if (age > RENEW_AFTER_MS && this.#proof === undefined && now >= this.#retryAt) void this.#prove();
    return age <= CURRENT_FOR_MS;
  }

  subscribe(listener: ChangeListener): void {
    this.#listeners.add(listener);
  }

  /** Waits until the feed knows of everything that was committed before the call. */
  async caughtUp(): Promise<void> {
    // Kept rows are not used while the feed is not listening.
    if (!this.#isListening) return;
    // A pending proof may have been requested before that commit.
    await this.#proof;
    if (this.#isListening) await this.#prove();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#connection?.socket.destroy();
    await this.#proof;
  }

  /** Renews the proof, or connects to the server. Does not throw. */
  #prove(): Promise<void> {
    if (this.#proof) return this.#proof;
    // A later answer would prove nothing. Connecting may take longer than answering.
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

  /** PostgreSQL sends the notifications of everything committed before a query no later than its answer. */
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
    if (!(await this.#hearsItself(client, deadline))) {
      this.#retryAt = performance.now() + RETRY_DEAF_AFTER_MS;
      this.#options.logger?.warn({}, 'the database does not forward notifications, so rows are not cached');
      socket.destroy();
      return;
    }
    // The connection may have been lost after the notification arrived and before it was read.
    if (socket.destroyed) throw new Error('The connection was lost.');
    this.#reset();
    this.#isListening = true;
    this.#provenAt = sentAt;
  }

  /**
   * Whether a notification sent over another connection arrives in time.
   *
   * @throws Error if the connection is lost in the meantime, or the notification is sent too late
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
