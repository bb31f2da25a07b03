import type { AppError } from '../../core/errors.ts';
import { parameterErrors, parameterFault } from '../../core/faults.ts';
import { relocateFaults } from '../../http/problems/validation.ts';

/** A `validation_failed` about one parameter of the query. */
export function queryError(path: string, expected: string, received: unknown): AppError {
  return parameterErrors([{ ...parameterFault(path, expected, received), location: 'query' }]);
}

/** What `read` makes of parameters of the query; its faults are faults of the query. */
export function readFromQuery<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw relocateFaults(error, { location: 'query', pathOf: (path) => path });
  }
}
