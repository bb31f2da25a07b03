import { isForOperators } from '../core/errors.ts';

/** Why the start failed: in one line if the operator can fix it, otherwise with a stack. */
export function explainStart(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isForOperators(error)) return error.message;
  if ('syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo')) {
    const taken = 'code' in error && error.code === 'EADDRINUSE' ? ' Another server uses this port.' : '';
    return `${error.message}.${taken} Choose another address with HOST and PORT.`;
  }
  return error.stack ?? error.message;
}
