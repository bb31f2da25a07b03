import type { ErrorObject } from 'ajv';
import type { FastifyRequest } from 'fastify';
import type { AppError } from '../../core/errors.ts';
import { parameterErrors } from '../../core/faults.ts';
import { schemaFaults } from '../../core/schema-faults.ts';
import { type SharedSchemas, validatorCompiler } from '../../core/validator.ts';
import type { FaultLocation, LocatedFault } from './fault-location.ts';

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

function faultsOf(context: ValidationContext, errors: readonly ErrorObject[]): LocatedFault[] {
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
      if (!validate(given)) throw parameterErrors(schemaFaults(validate.errors));
    };
  };
}
