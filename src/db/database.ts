import { setTimeout as sleep } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { AppError } from '../core/errors.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import { toAppError } from './database-errors.ts';
import { normalizeDatabaseUrl } from './database-url.ts';
import { PrismaClient } from './generated/client.ts';
import { ChangeFeed } from './row-cache/change-feed.ts';

export { toAppError } from './database-errors.ts';

/** Maximum wait for a connection while all are in use and the database is reachable. */
const POOL_WAIT_MS = 10_000;
/** Maximum duration of a statement: far more than any should take, so that a forgotten one ends eventually. */
const STATEMENT_TIMEOUT_MS = 300_000;
/** Maximum pause inside a transaction, whose locks would block others. */
const IDLE_IN_TRANSACTION_MS = 60_000;
const CLOSE_TIMEOUT_MS = 5_000;
const TRANSACTION_ATTEMPTS = 5;

export interface DatabaseLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface DatabaseOptions {
  url: string;
  /** Maximum connections in the pool. One more checks whether the database answers, another receives notifications. */
  poolSize: number;
  logger?: DatabaseLogger;
}

/** One process's connections to PostgreSQL. Prisma and plain queries share them. */
export interface Database {
  pool: pg.Pool;
  prisma: PrismaClient;
  changes: ChangeFeed;
  /** Whether the database answers within 1.5 s. For health checks. */
  isReachable(): Promise<boolean>;
  /** Waits at most 5 s for running queries and closes all connections. */
  close(): Promise<void>;
}

/**
 * Connects to a database. If the database goes away later, calls fail within 2 s with `database_unavailable` (see `toAppError`).
 * Within 1 s of its return they succeed again.
 *
 * @throws AppError `database_unavailable` if it cannot be reached now; the message names the address and the reason
 */
export async function openDatabase({ url, poolSize, logger }: DatabaseOptions): Promise<Database> {
  const client: pg.ClientConfig = {
    connectionString: normalizeDatabaseUrl(url),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    fallback_application_name: 'coreframe',
  };
  const monitor = new ConnectionMonitor({
    client,
    isBusy: () => pool.totalCount > pool.idleCount || pool.waitingCount > 0 || changes.isWaiting,
    onChange: (isReachable) =>
      isReachable
        ? logger?.info({}, 'the database is back')
        : logger?.warn({}, 'the database does not answer'),
  });
  const pool: pg.Pool = new pg.Pool({
    ...client,
    stream: () => monitor.newSocket(),
    max: poolSize,
    connectionTimeoutMillis: POOL_WAIT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  });
  pool.on('error', (error) => logger?.warn({ err: error }, 'an idle database connection was lost'));
  // If a connection is lost between two queries, the next one fails; without a listener, the event would end the process.
  pool.on('connect', (connected) => connected.on('error', () => undefined));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const changes = new ChangeFeed({
    client,
    newSocket: () => monitor.newSocket(),
    notify: (channel, payload) => pool.query('SELECT pg_notify($1, $2)', [channel, payload]),
    logger,
  });
  const isReachable = async () => {
    if (!monitor.isReachable) return false;
    const query = pool.query('SELECT 1').then(
      () => true,
      () => false,
    );
    return Promise.race([query, sleep(1_500, false, { ref: false })]);
  };
  const close = async () => {
    await changes.close();
    await Promise.race([
      prisma.$disconnect().then(() => pool.end()),
      sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false }).then(() => monitor.destroyConnections()),
    ]);
    monitor.stop();
  };
  try {
    await pool.query('SELECT 1');
  } catch (error) {
    await close();
    throw new AppError(
      'database_unavailable',
      `${unusableDatabase(new pg.Client(client), error)} Is it running, and is DATABASE_URL right?`,
      { cause: error, retryAfter: 2 },
    );
  }
  return { pool, prisma, changes, isReachable, close };
}

/** Says which database cannot be used, and why. */
export function unusableDatabase({ host, port }: Pick<pg.Client, 'host' | 'port'>, error: unknown): string {
  const address = host.startsWith('/') ? host : `${host}:${port}`;
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const reason = errors.map((one) => (one instanceof Error ? one.message : one)).join(', ');
  return `The database at ${address} cannot be used: ${reason}.`;
}

/** Serialization failure and deadlock. */
const CONFLICT_STATES: readonly string[] = ['40001', '40P01'];

/** A new row refers to one that does not exist. */
export const FOREIGN_KEY_VIOLATION = '23503';

/** A lock was not free within `lock_timeout`. */
export const LOCK_TIMEOUT = '55P03';

/** A row with this key already exists. */
export const UNIQUE_VIOLATION = '23505';

/** Whether a statement failed with one of these SQLSTATEs. */
export function hasState(error: unknown, states: readonly string[]): boolean {
  return error instanceof pg.DatabaseError && states.includes(error.code ?? '');
}

/**
 * Runs a transaction, at most 5 times if it loses a conflict with others (serialization failure, deadlock).
 *
 * @throws what the last attempt threw
 */
export async function retryConflicts<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      if (!hasState(error, CONFLICT_STATES) || attempt === TRANSACTION_ATTEMPTS) throw error;
      await sleep(Math.random() * 10 * 2 ** attempt);
    }
  }
}

/**
 * Runs `work` in a transaction, which is committed when `work` returns and rolled back when it throws. After a conflict it is
 * retried (`retryConflicts`), so `work` must not have effects outside the transaction.
 *
 * @throws AppError for a lost database or a full disk (see `toAppError`); otherwise what `work` threw
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient, transaction: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await retryConflicts(async () => {
      const transaction = await beginTransaction(pool);
      try {
        const result = await work(transaction.client, transaction);
        await transaction.commit();
        return result;
      } catch (error) {
        await transaction.rollback();
        throw error;
      }
    });
  } catch (error) {
    throw toAppError(error) ?? error;
  }
}

/** An open transaction on its own connection. It ends with `rollback`, or with a `commit` that succeeds. */
export interface Transaction {
  client: pg.PoolClient;
  /**
   * Registers work for when the transaction has ended. Failures of the work are ignored. It is skipped if the connection was
   * lost during the commit, because then nobody knows how the transaction ended.
   */
  whenEnded(work: (isCommitted: boolean) => Promise<void>): void;
  /** @throws PostgreSQL's error; the caller must then call `rollback` */
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Begins a transaction for callers that cannot put their work into one function, as `withTransaction` requires. */
export async function beginTransaction(pool: pg.Pool): Promise<Transaction> {
  const client = await pool.connect();
  const endings: ((isCommitted: boolean) => Promise<void>)[] = [];
  const end = async (isCommitted: boolean) => {
    await Promise.allSettled(endings.splice(0).map(async (work) => work(isCommitted)));
  };
  let mayBeCommitted = false;
  const rollback = async () => {
    const broken = await client.query('ROLLBACK').then(
      () => undefined,
      (error: Error) => error,
    );
    client.release(broken);
    if (broken === undefined || !mayBeCommitted) await end(false);
  };
  const commit = async () => {
    mayBeCommitted = true;
    const { command } = await client.query('COMMIT');
    // PostgreSQL answers COMMIT with ROLLBACK if a statement failed and its error was ignored.
    if (command !== 'COMMIT')
      throw new Error('The transaction was rolled back: one of its statements failed.');
    client.release();
    await end(true);
  };
  try {
    await client.query('BEGIN');
  } catch (error) {
    await rollback();
    throw error;
  }
  return { client, whenEnded: (work) => endings.push(work), commit, rollback };
}
