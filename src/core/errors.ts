/**
 * Every way in which a request can fail, by a stable snake_case code. Only the HTTP layer maps codes to statuses
 * (`http/problems/problems.ts`); code below it throws `AppError` and does not know about HTTP.
 */
export const ERROR_CODES = [
  'malformed_json',
  'malformed_multipart',
  'malformed_request',
  'incomplete_body',
  'authentication_required',
  'invalid_credential',
  'log_in_failed',
  'host_not_allowed',
  'cross_site_request',
  'insufficient_scope',
  'permit_refused',
  'log_in_required',
  'registration_closed',
  'not_found',
  'method_not_allowed',
  'not_acceptable',
  'request_timeout',
  'conflict',
  'email_taken',
  'last_admin',
  'already_set_up',
  'precondition_failed',
  'file_too_large',
  'request_too_large',
  'too_many_files',
  'quota_exceeded',
  'unsupported_media_type',
  'unsupported_image_format',
  'range_not_satisfiable',
  'expectation_failed',
  'too_many_attempts',
  'too_many_streams',
  'headers_too_large',
  'validation_failed',
  'undecodable_image',
  'too_many_pixels',
  'output_too_large',
  'operation_timeout',
  'memory_limit_exceeded',
  'decoder_crashed',
  'worker_lost',
  'internal_error',
  'overloaded',
  'operation_interrupted',
  'database_unavailable',
  'storage_unavailable',
  'shutting_down',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * One fault of the parameters. `path` is a JSON Pointer (RFC 6901) into them, for example `/operations/0/width`; the empty
 * string means all of them. Only the HTTP layer knows which part of a request held them.
 */
export interface Fault {
  path: string;
  message: string;
}

interface AppErrorOptions extends ErrorOptions {
  /** All faults found, if the parameters are at fault. */
  errors?: readonly Fault[];
  /** Seconds after which the client should try again. */
  retryAfter?: number;
  /** The scope that the credential does not have. */
  scope?: string;
}

/** A failure with a public explanation: the client sees `detail`, and only the log shows `cause`. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors: readonly Fault[];
  readonly retryAfter: number | undefined;
  readonly scope: string | undefined;

  constructor(code: ErrorCode, detail: string, options: AppErrorOptions = {}) {
    super(detail, options);
    this.code = code;
    this.detail = detail;
    this.errors = options.errors ?? [];
    this.retryAfter = options.retryAfter;
    this.scope = options.scope;
  }
}

/** Errors whose message says what the operator can do. */
const FOR_OPERATORS = ['AppError', 'BackupError', 'ConfigError', 'EmbeddedServerError', 'MigrationError'];

/** Whether the message of a failed start or command is enough, without a stack. */
export function isForOperators(error: Error): boolean {
  return FOR_OPERATORS.includes(error.name);
}
