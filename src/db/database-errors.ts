import { AppError } from '../core/errors.ts';
import { storageUnavailable, toStorageError } from '../system/storage-errors.ts';

/** System calls on a socket. They distinguish its failures from those of files and from clients that hang up. */
const SOCKET_CALLS: ReadonlySet<unknown> = new Set(['connect', 'read', 'write', 'getaddrinfo']);
const SOCKET_CODES =
  /^E(CONNREFUSED|CONNRESET|CONNABORTED|TIMEDOUT|PIPE|NOENT|ACCES|AGAIN|NOTFOUND|AI_AGAIN|(HOST|NET)(UNREACH|DOWN))$/;

/** https://www.postgresql.org/docs/18/errcodes-appendix.html; class 08 (connection exceptions) is checked separately. */
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  '25006', // read_only_sql_transaction: a standby, during a failover
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '40001', // serialization_failure, after all retries
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

/** Raised by the triggers that count stored bytes. */
const QUOTA_STATE = 'CF001';

const FOREIGN_KEY_STATE = '23503'; // foreign_key_violation
/** Foreign keys to `users`. A new row breaks one only if its user was deleted just now. */
const KEYS_TO_USERS = /_(owner|user)_id_fkey$/;

/** https://www.prisma.io/docs/orm/reference/error-reference */
const PRISMA_CODES = /^P(1001|1002|1008|1011|1017|2024|2028|2034|2037)$/;

/** Kinds that Prisma's adapter gives to errors without a SQLSTATE (`MappedError` in @prisma/driver-adapter-utils). */
const ADAPTER_KINDS: ReadonlySet<unknown> = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
]);

/** Errors of `pg` and `pg-pool` without a code. */
const DRIVER_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable|Cannot use a pool after calling end)/;

/**
 * The error and those that it wraps. Prisma keeps the driver's error in `cause` or `meta.driverAdapterError`; Node keeps those
 * for several addresses of one host in `errors`.
 */
function* errorChain(error: unknown): Generator<object> {
  let current: unknown = error;
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth++) {
    yield current;
    const meta: unknown = 'meta' in current ? current.meta : undefined;
    if (current instanceof AggregateError) current = current.errors[0];
    else if (typeof meta === 'object' && meta !== null && 'driverAdapterError' in meta)
      current = meta.driverAdapterError;
    else current = 'cause' in current ? current.cause : undefined;
  }
}

function* codesOf(error: object): Generator<string> {
  if ('code' in error && typeof error.code === 'string') yield error.code;
  if ('originalCode' in error && typeof error.originalCode === 'string') yield error.originalCode;
}

function isUnavailable(error: object): boolean {
  const isSocketCall = 'syscall' in error && SOCKET_CALLS.has(error.syscall);
  // Prisma copies the code of the wrapped error, but drops that error.
  const isPrismaError = 'clientVersion' in error;
  for (const code of codesOf(error)) {
    if (UNAVAILABLE_STATES.has(code) || PRISMA_CODES.test(code) || /^08[0-9A-Z]{3}$/.test(code)) return true;
    if (SOCKET_CODES.test(code) && (isSocketCall || isPrismaError)) return true;
  }
  if ('kind' in error && ADAPTER_KINDS.has(error.kind)) return true;
  return error instanceof Error && DRIVER_MESSAGES.test(error.message);
}

/** A connection's timeout, in the form in which a socket reports it. */
export function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT', syscall: 'read' });
}

/** @param raised what a trigger raised: its detail has the numbers (prisma/migrations/0007_users_and_keys) */
function quotaExceeded(raised: object, cause: unknown): AppError {
  const detail = 'detail' in raised && typeof raised.detail === 'string' ? raised.detail : '{}';
  const { quota, used, more }: Record<string, unknown> = JSON.parse(detail);
  return new AppError(
    'quota_exceeded',
    `This needs ${more} bytes more, but the user stores ${used} of at most ${quota} bytes.`,
    { cause },
  );
}

function isOfDeletedUser(error: object): boolean {
  return 'constraint' in error && KEYS_TO_USERS.test(String(error.constraint));
}

/**
 * The public error for a failure of the database or the disk: `database_unavailable` for a database that is gone, starting,
 * stopping, out of connections or too slow, `storage_unavailable` for a full or broken disk, `quota_exceeded` if a user would
 * store too much, `invalid_credential` if the user of the request has been deleted meanwhile. Undefined for any other error.
 */
export function toAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  for (const cause of errorChain(error)) {
    if (cause instanceof AppError) return cause;
    for (const code of codesOf(cause)) {
      if (STORAGE_STATES.has(code)) return storageUnavailable(error);
      if (code === QUOTA_STATE) return quotaExceeded(cause, error);
      if (code === FOREIGN_KEY_STATE && isOfDeletedUser(cause)) {
        return new AppError('invalid_credential', 'The user of this request has been deleted.', {
          cause: error,
        });
      }
    }
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
