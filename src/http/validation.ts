import { AjvCompiler, type RouteDefinition } from '@fastify/ajv-compiler';
import type { ErrorObject } from 'ajv';
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify';
import { AppError, type Fault, type FaultLocation } from '../errors.ts';
import { buildSerializer } from './serialization.ts';

/**
 * Strict validation: every fault is found, nothing is removed, and nothing is coerced in a body. Query strings, paths
 * and headers are text, so there the text is converted to the type that the schema names.
 */
const STRICT = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  discriminator: true,
} as const;

const buildCompiler = AjvCompiler();

/** As PostgreSQL reads it; the format's own definition (RFC 4122, 3) also has `urn:uuid:` before it. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** PostgreSQL has no year 0. */
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');

type DateTimeFormat = { validate(text: string): boolean };

const onCreate = (ajv: {
  formats: Record<string, unknown>;
  addFormat(name: string, format: RegExp | DateTimeFormat): unknown;
}): void => {
  ajv.addFormat('uuid', UUID);
  const { validate } = ajv.formats['date-time'] as DateTimeFormat;
  // Neither Date nor PostgreSQL keeps leap seconds.
  ajv.addFormat('date-time', { validate: (text) => validate(text) && Date.parse(text) >= YEAR_1 });
};

type Validator = ReturnType<ReturnType<typeof buildCompiler>>;

/** What is wrong with a value whatever its schema says. */
function faultOfValue(value: unknown): string | undefined {
  // `1e999` in a query is converted to Infinity, which passes every bound of a schema.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'must be a finite number';
  // PostgreSQL's text and jsonb cannot hold it.
  if (typeof value === 'string' && value.includes('\0')) return 'must not hold NUL characters';
  return undefined;
}

/** Whether the value, or one in it, has such a fault. Almost none has, so that no paths are made for the answer. */
function isFaulty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return faultOfValue(value) !== undefined;
  return Object.values(value).some(isFaulty);
}

/** Such faults of a value and all that is in it. */
function valueErrors(value: unknown, instancePath = ''): ErrorObject[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, member]) =>
      valueErrors(member, `${instancePath}/${escapePointer(name)}`),
    );
  }
  const message = faultOfValue(value);
  return message ? [{ keyword: 'value', instancePath, schemaPath: '#', params: {}, message }] : [];
}

/** The validator, which then looks at the values themselves: only at valid ones, whose depth the schema bounds. */
function withValueChecks(validate: Validator): Validator {
  const check = (data: unknown): boolean => {
    const isValid = validate(data);
    if (isValid && !isFaulty(data)) return true;
    check.errors = isValid ? valueErrors(data) : (validate.errors ?? []);
    return false;
  };
  check.errors = [] as ErrorObject[];
  return Object.assign(check, { schema: validate.schema }) as unknown as Validator;
}

/** Fastify's schema controller with Coreframe's validation rules. */
export const schemaController: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: {
    buildValidator: (externalSchemas: Parameters<typeof buildCompiler>[0]) => {
      const forBodies = buildCompiler(externalSchemas, {
        customOptions: { ...STRICT, coerceTypes: false },
        onCreate,
      });
      const forText = buildCompiler(externalSchemas, {
        customOptions: { ...STRICT, coerceTypes: 'array' },
        onCreate,
      });
      // Fastify hands over the route's part, though the compiler's type speaks of a bare schema.
      const compile = (route: RouteDefinition) =>
        withValueChecks((route.httpPart === 'body' ? forBodies : forText)(route));
      return compile as ReturnType<typeof buildCompiler>;
    },
    buildSerializer,
  },
};

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

/** A member's name as a part of a JSON Pointer (RFC 6901, 3). */
export const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function toFault(location: FaultLocation, error: ErrorObject): Fault {
  const { params, instancePath } = error;
  switch (error.keyword) {
    case 'required':
      return {
        location,
        path: `${instancePath}/${escapePointer(String(params.missingProperty))}`,
        message: 'is required',
      };
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params.additionalProperty ?? params.unevaluatedProperty);
      return {
        location,
        path: `${instancePath}/${escapePointer(name.slice(0, 200))}`,
        message: 'is not a known parameter',
      };
    }
    case 'enum':
      return {
        location,
        path: instancePath,
        message: `must be one of ${(params.allowedValues as unknown[]).join(', ')}`,
      };
    case 'format':
      if (params.format !== 'date-time') break;
      return {
        location,
        path: instancePath,
        message: 'must be a date and time from year 1 on with its zone, for example 2026-11-20T09:30:00Z',
      };
    case 'const':
      return { location, path: instancePath, message: `must be ${JSON.stringify(params.allowedValue)}` };
  }
  return { location, path: instancePath, message: error.message ?? 'is not valid' };
}

function faultsOf(context: ValidationContext, errors: readonly ErrorObject[]): Fault[] {
  // A discriminated union says itself which values its tag may have, so the discriminator's own error tells nothing new.
  return errors
    .filter(({ keyword }) => keyword !== 'discriminator')
    .map((error) => toFault(LOCATIONS[context], error));
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
  const faults = faultsOf(failed, errors);
  for (const [context, read] of PARTS) {
    if (context === failed) continue;
    const validate = request.getValidationFunction(context);
    if (validate && !validate(read(request) ?? null)) {
      faults.push(...faultsOf(context, (validate.errors ?? []) as ErrorObject[]));
    }
  }
  return validationFailed(faults);
}

/**
 * A function that holds parameters to a schema by the rules of bodies, with the app's shared schemas, and fills in defaults.
 * It throws a `validation_failed` whose faults have their paths in the parameters. The app is ready when it is compiled.
 */
export function compileParameters(app: FastifyInstance, schema: object): (given: unknown) => void {
  const compile = app.validatorCompiler;
  if (compile === undefined) throw new Error('The app is not ready.');
  const validate = compile({ schema, method: '', url: '', httpPart: 'body' });
  return (given) => {
    if (validate(given) === true) return;
    throw validationFailed(faultsOf('body', (validate.errors ?? []) as ErrorObject[]));
  };
}

/** A `validation_failed` problem from faults; its detail names the first ones. */
export function validationFailed(faults: readonly Fault[]): AppError {
  const shown = faults.slice(0, 3).map((fault) => `${fault.location}${fault.path} ${fault.message}`);
  const more = faults.length > shown.length ? '; …' : '';
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new AppError('validation_failed', `The request has ${count}: ${shown.join('; ')}${more}`, {
    errors: faults,
  });
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
  return error.code === 'validation_failed'
    ? validationFailed(errors)
    : new AppError(error.code, error.detail, { errors, cause: error });
}
