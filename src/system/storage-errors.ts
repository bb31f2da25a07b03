import { AppError } from '../core/errors.ts';

/** Errors of a full or broken file system: the request is not at fault, and a later one may succeed. */
const STORAGE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ENFILE', 'EMFILE']);

/** Long, because someone has to free space first. */
const RETRY_AFTER_S = 30;

/** The public error for a full or broken disk, also if it already is one; undefined for any other error. */
export function toStorageError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error.code === 'storage_unavailable' ? error : undefined;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return STORAGE_CODES.has(error.code) ? storageUnavailable(error) : undefined;
}

export function storageUnavailable(cause: unknown): AppError {
  return new AppError('storage_unavailable', 'The server cannot store data at the moment.', {
    cause,
    retryAfter: RETRY_AFTER_S,
  });
}
