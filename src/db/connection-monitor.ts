import { Socket } from 'node:net';
import pg from 'pg';
import { timeoutError } from './database-errors.ts';

const TICK_MS = 250;
/** Maximum ticks until the first byte on a new connection. */
const FIRST_BYTE_TICKS = 6;
/** Ticks between two probes while the database is in use. */
const PROBE_EVERY_TICKS = 2;
/** Maximum ticks until a server answers a probe or sends anything else. */
const PROBE_TICKS = 4;
/** Ticks without use after which the probe's connection is closed. */
const IDLE_TICKS = 240;

/** A socket that cannot connect. */
class FailingSocket extends Socket {
  override connect(): this {
    process.nextTick(() => this.destroy(timeoutError('The database does not answer.')));
    return this;
  }
}

export interface ConnectionMonitorOptions {
  client: pg.ClientConfig;
  /** Whether anything is waiting for the database. */
  isBusy(): boolean;
  /** Called when the database becomes unreachable or reachable. */
  onChange(isReachable: boolean): void;
}

/**
 * Detects a database that neither answers nor closes its connections (a stopped process, a paused virtual machine, a lost
 * network). A driver would wait for it forever. While the database is in use, `SELECT 1` is sent every 0.5 s over a separate
 * connection. If nothing arrives on any connection for 1 s, all connections are destroyed, so that pending queries fail, and new
 * ones fail at once until a probe succeeds. A timeout per query could not distinguish such a database from a long query; and
 * under load, a probe may have to wait longer than other queries.
 *
 * All times are counted in ticks of the event loop's timer, so that a blocked loop does not blame its own delay on the database.
 */
export class ConnectionMonitor {
  isReachable = true;
  readonly #options: ConnectionMonitorOptions;
  readonly #sockets = new Set<Socket>();
  /** Sockets that have not received anything yet, with their age in ticks. */
  readonly #silent = new Map<Socket, number>();
  readonly #timer: NodeJS.Timeout;
  #probe: { client: pg.Client; socket: Socket } | undefined;
  #probeAge: number | undefined;
  /** Bytes received on the open connections until the last tick. */
  #bytesRead = 0;
  #sinceProbe = 0;
  #idle = 0;

  constructor(options: ConnectionMonitorOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** A socket for a new connection of the pool. */
  newSocket(): Socket {
    if (!this.isReachable) return new FailingSocket();
    const socket = new Socket();
    this.#sockets.add(socket);
    this.#silent.set(socket, 0);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#silent.delete(socket);
    });
    return socket;
  }

  /** Destroys every connection, so that pending queries fail. */
  destroyConnections(): void {
    for (const socket of this.#sockets) {
      socket.destroy(timeoutError('The database does not answer.'));
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#endProbe();
  }

  #tick(): void {
    this.#checkFirstBytes();
    const isAlive = this.#hasAnswered();
    if (this.#probeAge !== undefined) {
      this.#probeAge = isAlive ? 0 : this.#probeAge + 1;
      if (this.#probeAge >= PROBE_TICKS) this.#probeFailed();
      return;
    }
    const busy = this.#options.isBusy();
    this.#idle = busy ? 0 : this.#idle + 1;
    if (this.#idle >= IDLE_TICKS) this.#endProbe();
    this.#sinceProbe += 1;
    if (!this.isReachable || (busy && this.#sinceProbe >= PROBE_EVERY_TICKS)) this.#startProbe();
  }

  #checkFirstBytes(): void {
    for (const [socket, age] of this.#silent) {
      if (socket.bytesRead > 0) {
        this.#silent.delete(socket);
      } else if (age >= FIRST_BYTE_TICKS) {
        // A single lost packet can be the cause: new connections fail only until the next probe.
        this.#setReachable(false);
        socket.destroy(timeoutError('The database does not accept connections.'));
      } else {
        this.#silent.set(socket, age + 1);
      }
    }
  }

  /** Whether anything has been received since the last tick. */
  #hasAnswered(): boolean {
    let bytesRead = this.#probe?.socket.bytesRead ?? 0;
    for (const socket of this.#sockets) bytesRead += socket.bytesRead;
    const hasAnswered = bytesRead > this.#bytesRead;
    this.#bytesRead = bytesRead;
    return hasAnswered;
  }

  #startProbe(age = 0): void {
    this.#probeAge = age;
    this.#sinceProbe = 0;
    const isNew = this.#probe === undefined || !this.isReachable;
    if (isNew) {
      this.#probe?.socket.destroy();
      const socket = new Socket();
      const client = new pg.Client({ ...this.#options.client, stream: () => socket });
      client.on('error', () => undefined);
      socket.unref();
      this.#probe = { client, socket };
    }
    const probe = this.#probe;
    if (!probe) return;
    const answered = isNew
      ? probe.client.connect().then(() => probe.client.query('SELECT 1'))
      : probe.client.query('SELECT 1');
    answered.then(
      () => {
        if (this.#probe !== probe) return;
        this.#probeAge = undefined;
        this.#setReachable(true);
      },
      (error: unknown) => {
        if (this.#probe !== probe) return;
        const age = this.#probeAge;
        this.#endProbe();
        if (!isNew) {
          // This connection is lost. Only a new one can show whether the server is, too.
          this.#startProbe(age);
          return;
        }
        // A server that answers with an error is reachable, unless it is starting or stopping (57P0x).
        if (error instanceof pg.DatabaseError && !error.code?.startsWith('57P')) this.#setReachable(true);
        else this.#probeFailed();
      },
    );
  }

  #probeFailed(): void {
    this.#endProbe();
    this.#setReachable(false);
    this.destroyConnections();
  }

  #endProbe(): void {
    this.#probeAge = undefined;
    this.#probe?.socket.destroy();
    this.#probe = undefined;
  }

  #setReachable(isReachable: boolean): void {
    if (this.isReachable === isReachable) return;
    this.isReachable = isReachable;
    this.#options.onChange(isReachable);
  }
}
