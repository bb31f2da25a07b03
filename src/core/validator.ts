import { AjvCompiler } from '@fastify/ajv-compiler';
import type { Ajv, AnySchema, ErrorObject } from 'ajv';
import { escapePointer } from './faults.ts';
import { valueError } from './schema-faults.ts';

/** Finds every fault and removes nothing. Errors hold the schema and the value (`verbose`), because `schemaFaults` shows both. */
const STRICT = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  discriminator: true,
  verbose: true,
} as const;

/** JSON values keep their types; text is converted to the type in the schema. */
const COERCION = { json: false, text: 'array' } as const;

const buildCompiler = AjvCompiler();

/** As PostgreSQL reads it; Ajv's own format also allows the prefix `urn:uuid:` (RFC 4122, 3). */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** PostgreSQL has no year 0. */
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');

const onCreate = (ajv: Ajv): void => {
  ajv.addFormat('uuid', UUID);
  const { validate } = ajv.formats['date-time'] as { validate(text: string): boolean };
  // Date and PostgreSQL have no leap seconds: Date.parse gives NaN for one.
  ajv.addFormat('date-time', { validate: (text: string) => validate(text) && Date.parse(text) >= YEAR_1 });
};

/** What is expected of every value, whatever its schema says; undefined if the value meets it. */
function unmetByValue(value: unknown): string | undefined {
  // `1e999` in a query is converted to Infinity, which passes a schema without a maximum.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a finite number';
  // PostgreSQL's text and jsonb cannot store NUL.
  if (typeof value === 'string' && value.includes('\0')) return 'text without NUL characters';
  return undefined;
}

/** Whether the value, or one inside it, has such a fault. Faults are rare, so the paths for them are built separately. */
function isFaulty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return unmetByValue(value) !== undefined;
  return Object.values(value).some(isFaulty);
}

/** Such faults of a value and of all values inside it. */
function valueErrors(value: unknown, instancePath = ''): ErrorObject[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, member]) =>
      valueErrors(member, `${instancePath}/${escapePointer(name)}`),
    );
  }
  const expected = unmetByValue(value);
  return expected === undefined ? [] : [valueError(instancePath, expected, value)];
}

/**
 * The schema with `items` applied only to arrays that `maxItems` allows. Otherwise Ajv, looking for all faults, would check
 * every item of an array that is refused anyway, in a time that grows with the square of their number.
 */
function withBoundedItems(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withBoundedItems);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema).map(([name, member]) => [name, withBoundedItems(member)] as const);
  const { items, ...rest } = Object.fromEntries(members);
  if (typeof rest.maxItems !== 'number' || items === undefined) return Object.fromEntries(members);
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { ...rest, if: { maxItems: rest.maxItems }, then: { items } };
}

/** Checks a value. Fills in the defaults of its schema and converts text, both in place. */
export interface Validate {
  (data: unknown): boolean;
  /** The errors of the last value. */
  errors: ErrorObject[];
  schema: AnySchema;
}

/** Schemas that other schemas refer to, by their names (`$id`). */
export type SharedSchemas = Parameters<typeof buildCompiler>[0];

/** Compiles schemas with the service's rules, for JSON or for text (queries, paths, headers, the environment). */
export function validatorCompiler(
  input: keyof typeof COERCION,
  sharedSchemas: SharedSchemas = {},
): (schema: unknown) => Validate {
  const compile = buildCompiler(withBoundedItems(sharedSchemas) as SharedSchemas, {
    customOptions: { ...STRICT, coerceTypes: COERCION[input] },
    onCreate,
  });
  return (schema) => {
    // The compiler takes a part of a route, although its type asks for a bare schema.
    const validate = compile({ schema: withBoundedItems(schema) });
    // `isFaulty` recurses, so it runs only on valid values: the schema limits their depth.
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
