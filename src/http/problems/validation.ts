import type { ErrorObject } from 'ajv';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppError, Fault } from '../../core/errors.ts';
import { type Faults, faultsError } from '../../core/faults.ts';
import { schemaFaults } from '../../core/schema-faults.ts';
import { type SharedSchemas, validatorCompiler } from '../../core/validator.ts';
import type { LocatedFault } from './fault-location.ts';

/** The parts of a request by Fastify's names for their schemas. */
const PARTS = {
  params: { location: 'path', property: 'params' },
  querystring: { location: 'query', property: 'query' },
  headers: { location: 'header', property: 'headers' },
  body: { location: 'body', property: 'body' },
} as const;

type Part = keyof typeof PARTS;

function faultsOf(part: Part, errors: readonly ErrorObject[]): Faults {
  const { location } = PARTS[part];
  const { listed, total } = schemaFaults(errors);
  return { listed: listed.map((fault): LocatedFault => ({ location, ...fault })), total };
}

interface BodySchema {
  $ref?: string;
  properties?: object;
  oneOf?: readonly BodySchema[];
}

/** The names of a body's parameters, in all of its variants. */
function namesOf(schema: BodySchema | undefined, server: FastifyInstance): string[] {
  const { $ref, properties = {}, oneOf = [] } = schema ?? {};
  const referred = $ref === undefined ? undefined : (server.getSchema($ref.replace(/#$/, '')) as BodySchema);
  const variants = referred === undefined ? oneOf : [referred];
  return [...Object.keys(properties), ...variants.flatMap((variant) => namesOf(variant, server))];
}

/** Services that take the parameters of a POST in its query are common, so the message says that they belong in the body. */
function pointToBody(fault: Fault | LocatedFault, body: readonly string[]): Fault {
  const name = fault.path.slice(1);
  if (!('location' in fault) || fault.location !== 'query' || !body.includes(name)) return fault;
  return { ...fault, message: `${fault.message} (send it in the body, as JSON)` };
}

/**
 * Turns Fastify's validation failure into a problem that lists the faults of every part of the request: Fastify stops
 * at the first faulty part, so the others are validated here.
 */
export function toValidationError(
  request: FastifyRequest,
  failed: Part,
  errors: readonly ErrorObject[],
): AppError {
  const others = (Object.keys(PARTS) as Part[]).flatMap((part) => {
    const validate = part === failed ? undefined : request.getValidationFunction(part);
    if (!validate || validate(request[PARTS[part].property] ?? null)) return [];
    return [faultsOf(part, (validate.errors ?? []) as ErrorObject[])];
  });
  const parts = [faultsOf(failed, errors), ...others];
  const body = namesOf(request.routeOptions.schema?.body as BodySchema | undefined, request.server);
  return faultsError({
    listed: parts.flatMap(({ listed }) => listed.map((fault) => pointToBody(fault, body))),
    total: parts.reduce((sum, { total }) => sum + total, 0),
  });
}

/**
 * Compiles schemas to functions that validate parameters like JSON bodies and fill in defaults. They throw a
 * `validation_failed` whose faults have their paths in the parameters.
 */
export function parameterCompiler(
  sharedSchemas: Record<string, unknown>,
): (schema: object) => (given: unknown) => void {
  const compile = validatorCompiler('json', sharedSchemas as SharedSchemas);
  return (schema) => {
    const validate = compile(schema);
    return (given) => {
      if (!validate(given)) throw faultsError(schemaFaults(validate.errors));
    };
  };
}
