import { AppError } from '../core/errors.ts';
import { storageUnavailable, toStorageError } from '../system/storage-errors.ts';

/** Failed system calls on a socket. Their `syscall` tells them from files and from clients that hang up. */
const SOCKET_CALLS: ReadonlySet<unknown> = new Set(['connect', 'read', 'write', 'getaddrinfo']);
const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOENT',
  'EACCES',
  'EAGAIN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
]);

/** https://www.postgresql.org/docs/18/errcodes-appendix.html; class 08 (connection exceptions) comes on top. */
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction: a standby, during a failover
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure, when trying again did not help
  '40P01', // deadlock_detected, likewise
  '53200', // out_of_memory
  '53300', // too_many_connections
  '53400', // configuration_limit_exceeded
  '55P03', // lock_not_available
  '57014', // query_canceled, by statement_timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
]);
const STORAGE_STATES: ReadonlySet<string> = new Set(['53100', '58030']); // disk_full, io_error

/** https://www.prisma.io/docs/orm/reference/error-reference */
const PRISMA_CODES: ReadonlySet<string> = new Set([
  'P1001',
  'P1002',
  'P1008',
  'P1011',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  'P2037',
]);

/** What Prisma's adapter makes of a driver's errors that have no SQLSTATE (`MappedError` in @prisma/driver-adapter-utils). */
const ADAPTER_KINDS: ReadonlySet<unknown> = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
]);

/** What `pg` and `pg-pool` report without a code. */
const DRIVER_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable|Cannot use a pool after calling end)/;

/**
 * The error and those that it wraps: Prisma keeps the driver's in `cause` or in `meta.driverAdapterError`, Node those of several
 * addresses of one host in `errors`.
 */
function* errorChain(error: unknown): Generator<object> {
  let current: unknown = error;
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth++) {
    yield current;
    if (current instanceof AggregateError) {
      current = current.errors[0];
      continue;
    }
    const meta: unknown = 'meta' in current ? current.meta : undefined;
    if (typeof meta === 'object' && meta !== null && 'driverAdapterError' in meta)
      current = meta.driverAdapterError;
    else current = 'cause' in current ? current.cause : undefined;
  }
}

function* codesOf(error: object): Generator<string> {
  if ('code' in error && typeof error.code === 'string') yield error.code;
  if ('originalCode' in error && typeof error.originalCode === 'string') yield error.originalCode;
}

function isSocketCall(error: object): boolean {
  return 'syscall' in error && SOCKET_CALLS.has(error.syscall);
}

/** Prisma gives its error the code of the one that it wraps, and drops that. */
function isPrismaError(error: object): boolean {
  return 'clientVersion' in error;
}

function isUnavailable(error: object): boolean {
  for (const code of codesOf(error)) {
    if (UNAVAILABLE_STATES.has(code) || PRISMA_CODES.has(code) || /^08[0-9A-Z]{3}$/.test(code)) return true;
    if (SOCKET_CODES.has(code) && (isSocketCall(error) || isPrismaError(error))) return true;
  }
  if ('kind' in error && ADAPTER_KINDS.has(error.kind)) return true;
  return error instanceof Error && DRIVER_MESSAGES.test(error.message);
}

/** A connection's failure, as its socket reports it. */
export function connectionError(code: 'ETIMEDOUT', message: string): Error {
  return Object.assign(new Error(message), { code, syscall: 'read' });
}

/**
 * The public explanation of a failure of the database or the disk: `database_unavailable` for a database that is gone,
 * starting, stopping, out of connections or too slow, `storage_unavailable` for a full or broken disk. Undefined
 * for any other error.
 */
export function toAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  for (const cause of errorChain(error)) {
    if (cause instanceof AppError) return cause;
    for (const code of codesOf(cause)) if (STORAGE_STATES.has(code)) return storageUnavailable(error);
    const storage = toStorageError(cause);
    if (storage) return storage;
    if (isUnavailable(cause)) {
      return new AppError('database_unavailable', 'The database cannot be reached at the moment.', {
        cause: error,
        retryAfter: 2,
      });
    }
  }
  return undefined;
}
