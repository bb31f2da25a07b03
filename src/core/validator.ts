import { AjvCompiler } from '@fastify/ajv-compiler';
import type { Ajv, AnySchema, ErrorObject } from 'ajv';
import type { DataValidateFunction } from 'ajv/dist/types/index.js';
import { isColor, isOpaqueColor } from './color.ts';
import { escapePointer } from './faults.ts';
import { valueError } from './schema-faults.ts';
import { respelledBoolean, respelledChoice } from './spellings.ts';

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

/** PostgreSQL has no year 0, and ISO 8601 writes years from 10000 in another way. */
const FIRST_TIME = Date.parse('0001-01-01T00:00:00Z');
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');

/** Added to every list of choices: it replaces another spelling of one by the one in the list. */
const CHOICES = 'x-choices';

function respell(choices: string[]): DataValidateFunction {
  return (data, context) => {
    if (typeof data !== 'string' || choices.includes(data)) return true;
    const meant = respelledChoice(data, choices);
    // A value that is not a part of another one has no place for the other spelling.
    if (meant !== undefined && typeof context?.parentData === 'object') {
      context.parentData[context.parentDataProperty] = meant;
    }
    return true;
  };
}

const onCreate = (ajv: Ajv): void => {
  ajv.addFormat('uuid', UUID);
  const { validate } = ajv.formats['date-time'] as { validate(text: string): boolean };
  ajv.addFormat('color', isColor);
  ajv.addFormat('opaque-color', isOpaqueColor);
  ajv.addKeyword({
    keyword: CHOICES,
    before: 'enum',
    modifying: true,
    errors: false,
    valid: true,
    compile: respell,
  });
  // Date and PostgreSQL have no leap seconds: Date.parse gives NaN for one.
  const isStorable = (time: number) => time >= FIRST_TIME && time <= LAST_TIME;
  ajv.addFormat('date-time', { validate: (text: string) => validate(text) && isStorable(Date.parse(text)) });
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

/**
 * Such faults of a value and of all values inside it.
 *
 * @param schema says which values are secret
 */
function valueErrors(value: unknown, schema: unknown, instancePath = ''): ErrorObject[] {
  if (typeof value === 'object' && value !== null) {
    const { properties = {} } = Object(schema) as { properties?: Record<string, unknown> };
    return Object.entries(value).flatMap(([name, member]) =>
      valueErrors(member, properties[name], `${instancePath}/${escapePointer(name)}`),
    );
  }
  const expected = unmetByValue(value);
  return expected === undefined
    ? []
    : [{ ...valueError(instancePath, expected, value), parentSchema: Object(schema) }];
}

/**
 * The schema with what the service adds to each part of it. `items` applies only to arrays that `maxItems` allows: otherwise Ajv,
 * looking for all faults, would check every item of an array that is refused anyway, in a time that grows with the square of their
 * number. Lists of choices take other spellings.
 */
function withOwnRules(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withOwnRules);
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = Object.fromEntries(
    Object.entries(schema).map(([name, member]) => [name, withOwnRules(member)]),
  );
  const choices =
    'type' in schema && schema.type === 'string' && Array.isArray(own.enum) ? own.enum : undefined;
  const { items, ...rest } = choices === undefined ? own : { ...own, [CHOICES]: choices };
  if (items === undefined) return rest;
  if (typeof rest.maxItems !== 'number') return { ...rest, items };
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return { ...rest, if: { maxItems: rest.maxItems }, then: { items } };
}

/** The names of an object's properties of a type. */
function namesOfType(schema: unknown, wanted: string): string[] {
  const { properties = {} } = Object(schema) as { properties?: Record<string, { type?: unknown }> };
  return Object.keys(properties).filter((name) => properties[name]?.type === wanted);
}

/** Rewrites values in place that say yes or no in another way. */
function respellBooleans(data: unknown, names: readonly string[]): void {
  const values = Object(data) as Record<string, unknown>;
  for (const name of names) {
    const value = values[name];
    if (typeof value === 'string') values[name] = respelledBoolean(value);
  }
}

/** The pointers to single values for which lists are expected. Such a value becomes the only item of a list. */
function singleValues(data: unknown, lists: readonly string[]): string[] {
  const values = Object(data) as Record<string, unknown>;
  return lists.filter((name) => !Array.isArray(values[name])).map((name) => `/${escapePointer(name)}`);
}

/** The error, at the value itself if the client did not send a list. */
function placedAsSent(error: ErrorObject, single: readonly string[]): ErrorObject {
  const [, list = ''] = /^(\/[^/]*)\/0$/.exec(error.instancePath) ?? [];
  return single.includes(list) ? { ...error, instancePath: list } : error;
}

/** The function with its result kept from the first call on. */
export function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
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

/**
 * Compiles schemas with the service's rules, for JSON or for text (queries, paths, headers, the environment). A schema is compiled when its
 * first value is checked: the schemas of all routes together take as long as the rest of the start.
 */
export function validatorCompiler(
  input: keyof typeof COERCION,
  sharedSchemas: SharedSchemas = {},
): (schema: unknown) => Validate {
  const compile = once(() =>
    buildCompiler(withOwnRules(sharedSchemas) as SharedSchemas, {
      customOptions: { ...STRICT, coerceTypes: COERCION[input] },
      onCreate,
    }),
  );
  return (schema) => {
    const ownSchema = withOwnRules(schema);
    // The compiler takes a part of a route, although its type asks for a bare schema.
    const validator = once(() => compile()({ schema: ownSchema }));
    // Text has no structure, so the parameters are those at the top.
    const isText = input === 'text';
    const booleans = isText ? namesOfType(schema, 'boolean') : [];
    const lists = isText ? namesOfType(schema, 'array') : [];
    // `isFaulty` recurses, so it runs only on valid values: the schema limits their depth.
    const check = (data: unknown): boolean => {
      const validate = validator();
      respellBooleans(data, booleans);
      const single = singleValues(data, lists);
      const isValid = validate(data) === true;
      if (isValid && !isFaulty(data)) return true;
      const errors = isValid ? valueErrors(data, schema) : (validate.errors ?? []);
      check.errors = errors.map((error) => placedAsSent(error, single));
      return false;
    };
    check.errors = [] as ErrorObject[];
    check.schema = ownSchema as AnySchema;
    return check;
  };
}
