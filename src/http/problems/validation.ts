import type { ErrorObject } from 'ajv';
import type { FastifyRequest } from 'fastify';
import { AppError, type Fault, type FaultLocation } from '../../core/errors.ts';
import { parameterErrors } from '../../core/faults.ts';
import { schemaFaults } from '../../core/schema-faults.ts';
import { type SharedSchemas, validatorCompiler } from '../../core/validator.ts';

type ValidationContext = 'body' | 'querystring' | 'params' | 'headers';

const LOCATIONS: Record<ValidationContext, FaultLocation> = {
  params: 'path',
  querystring: 'query',
  headers: 'header',
  body: 'body',
};

const PARTS: readonly [ValidationContext, (request: FastifyRequest) => unknown][] = [
  ['params', (request) => request.params],
  ['querystring', (request) => request.query],
  ['headers', (request) => request.headers],
  ['body', (request) => request.body],
];

function faultsOf(context: ValidationContext, errors: readonly ErrorObject[]): Fault[] {
  const location = LOCATIONS[context];
  return schemaFaults(errors).map((fault) => ({ location, ...fault }));
}

/**
 * Turns Fastify's validation failure into a problem that lists the faults of every part of the request: Fastify stops
 * at the first faulty part, so the parts after it are validated here.
 */
export function toValidationError(
  request: FastifyRequest,
  failed: ValidationContext,
  errors: readonly ErrorObject[],
): AppError {
  const others = PARTS.filter(([context]) => context !== failed).flatMap(([context, read]) => {
    const validate = request.getValidationFunction(context);
    if (!validate || validate(read(request) ?? null)) return [];
    return faultsOf(context, (validate.errors ?? []) as ErrorObject[]);
  });
  return parameterErrors([...faultsOf(failed, errors), ...others]);
}

/**
 * Compiles schemas to functions that hold parameters to them by the rules of bodies and fill in defaults. They throw a
 * `validation_failed` whose faults have their paths in the parameters.
 *
 * @param sharedSchemas those that others refer to, by their names
 */
export function parameterCompiler(
  sharedSchemas: Record<string, unknown>,
): (schema: object) => (given: unknown) => void {
  const compile = validatorCompiler('json', sharedSchemas as SharedSchemas);
  return (schema) => {
    const validate = compile(schema);
    return (given) => {
      if (!validate(given)) throw parameterErrors(faultsOf('body', validate.errors));
    };
  };
}

/** Where parameters stood in a request. */
export interface FaultPlace {
  location: FaultLocation;
  /** The path in the request of what a fault names by its path in the canonical parameters. */
  pathOf: (path: string) => string;
}

/** Moves the faults of an error to where the parameters were given. Any other error is returned as it is. */
export function relocateFaults(error: unknown, { location, pathOf }: FaultPlace): unknown {
  if (!(error instanceof AppError) || error.errors.length === 0) return error;
  // Faults of the path stay there: they are about the resource, not about parameters.
  const errors = error.errors.map((fault) =>
    fault.location === 'path' ? fault : { ...fault, location, path: pathOf(fault.path) },
  );
  return new AppError(error.code, error.detail, { errors, cause: error });
}
