import { AjvCompiler } from '@fastify/ajv-compiler';
import type { AnySchema, ErrorObject } from 'ajv';
import { escapePointer } from './faults.ts';
import { valueError } from './schema-faults.ts';

/**
 * Strict validation: every fault is found, and nothing is removed. Errors hold the schema and the value (`verbose`), which
 * `schemaFaults` tells of.
 */
const STRICT = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  discriminator: true,
  verbose: true,
} as const;

/** In JSON a value has the type that it has; text is converted to the type that the schema names. */
const COERCION = { json: false, text: 'array' } as const;

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

/** What is expected of a value whatever its schema says; undefined if it is so. */
function unmetByValue(value: unknown): string | undefined {
  // `1e999` in a query is converted to Infinity, which passes every bound of a schema.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a finite number';
  // PostgreSQL's text and jsonb cannot hold it.
  if (typeof value === 'string' && value.includes('\0')) return 'text without NUL characters';
  return undefined;
}

/** Whether the value, or one in it, has such a fault. Almost none has, so that no paths are made for the answer. */
function isFaulty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return unmetByValue(value) !== undefined;
  return Object.values(value).some(isFaulty);
}

/** Such faults of a value and all that is in it. */
function valueErrors(value: unknown, instancePath = ''): ErrorObject[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, member]) =>
      valueErrors(member, `${instancePath}/${escapePointer(name)}`),
    );
  }
  const expected = unmetByValue(value);
  return expected === undefined ? [] : [valueError(instancePath, expected, value)];
}

/** Checks a value, and fills in the defaults of its schema and converts text in place. */
export interface Validate {
  (data: unknown): boolean;
  /** Of the last value. */
  errors: ErrorObject[];
  schema: AnySchema;
}

/** Schemas that others refer to, by their names (`$id`). */
export type SharedSchemas = Parameters<typeof buildCompiler>[0];

/** Compiles schemas to the one validator of the service, for JSON or for text (queries, paths, headers, the environment). */
export function validatorCompiler(
  input: keyof typeof COERCION,
  sharedSchemas: SharedSchemas = {},
): (schema: unknown) => Validate {
  const compile = buildCompiler(sharedSchemas, {
    customOptions: { ...STRICT, coerceTypes: COERCION[input] },
    onCreate,
  });
  return (schema) => {
    // The compiler takes a route's part, though its type speaks of a bare schema.
    const validate = compile({ schema });
    // The values themselves are looked at only in what is valid, whose depth the schema bounds.
    const check = (data: unknown): boolean => {
      const isValid = validate(data) === true;
      if (isValid && !isFaulty(data)) return true;
      check.errors = isValid ? valueErrors(data) : (validate.errors ?? []);
      return false;
    };
    check.errors = [] as ErrorObject[];
    check.schema = validate.schema;
    return check;
  };
}
