import type { ErrorObject } from 'ajv';
import type { Fault } from './errors.ts';
import { escapePointer, mismatch, nameOf, showValue } from './faults.ts';

/** Characters of an unknown property's name in a path. */
const MAX_NAME = 200;

/**
 * Ajv's errors (of an Ajv with `verbose` and `allErrors`) in the wording of the service, one for each value that is wrong.
 *
 * A message tells all that is expected of a value, not only what the first failed keyword says, so that the other errors
 * of the same value add nothing: 0.5 that should be an integer from 1 on fails both `type` and `minimum`. A union's own
 * error stands for those of its branches. The discriminator's error is left out, since the tag's `enum` tells the same.
 */
export function schemaFaults(errors: readonly ErrorObject[]): Fault[] {
  const faults = new Map<string, Fault>();
  for (const error of errors) {
    if (error.keyword === 'discriminator') continue;
    const fault = toFault(error);
    const isUnion = error.keyword === 'anyOf' || error.keyword === 'oneOf';
    if (isUnion || !faults.has(fault.path)) faults.set(fault.path, fault);
  }
  return [...faults.values()];
}

function toFault({ keyword, instancePath, params, parentSchema, data }: ErrorObject): Fault {
  switch (keyword) {
    case 'required':
      return faultAt(
        `${instancePath}/${escapePointer(String(params.missingProperty))}`,
        'a value',
        undefined,
      );
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      return {
        path: `${instancePath}/${escapePointer(name.slice(0, MAX_NAME))}`,
        message: mismatch('', 'a known parameter', name),
      };
    }
    case 'uniqueItems': {
      const index = Math.max(Number(params.i), Number(params.j));
      const items: unknown[] = Array.isArray(data) ? data : [];
      return faultAt(`${instancePath}/${index}`, 'a value that no item before it has', items[index]);
    }
    case VALUE_KEYWORD:
      return faultAt(instancePath, String(params.expected), data);
    default:
      return faultAt(instancePath, expectationOf(parentSchema ?? {}), data);
  }
}

function faultAt(path: string, expected: string, received: unknown): Fault {
  return { path, message: mismatch(nameOf(path), expected, received) };
}

const VALUE_KEYWORD = 'value';

/** An error about a value that its schema allows, in Ajv's form. */
export function valueError(instancePath: string, expected: string, data: unknown): ErrorObject {
  return { keyword: VALUE_KEYWORD, instancePath, schemaPath: '#', params: { expected }, data };
}

/** The keywords that say what a value must be. */
interface ValueSchema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: ValueSchema[];
  oneOf?: ValueSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  properties?: object;
  examples?: unknown[];
  [other: string]: unknown;
}

/** What a schema expects of a value, with its article. */
function expectationOf(schema: ValueSchema): string {
  if (schema.const !== undefined) return showValue(schema.const);
  if (schema.enum) {
    return schema.enum.length === 1 ? showValue(schema.enum[0]) : `one of ${schema.enum.join(', ')}`;
  }
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches && schema.type === undefined) return [...new Set(branches.map(expectationOf))].join(' or ');
  return [schema.type]
    .flat()
    .map((type) => expectationOfType(type, schema))
    .join(' or ');
}

function expectationOfType(type: string | undefined, schema: ValueSchema): string {
  switch (type) {
    case 'integer':
      return `an integer${boundsOf(schema)}`;
    case 'number':
      return `a number${boundsOf(schema)}`;
    case 'string':
      return textOf(schema);
    case 'boolean':
      return 'true or false';
    case 'array': {
      const { minItems, maxItems, uniqueItems } = schema;
      const amount = amountOf(
        minItems,
        maxItems,
        uniqueItems ? ['different item', 'different items'] : ['item', 'items'],
      );
      return amount === '' ? 'an array' : `an array of ${amount}`;
    }
    case 'object': {
      const { minProperties, maxProperties, properties = {} } = schema;
      const amount = amountOf(minProperties, maxProperties, ['property', 'properties']);
      const names = Object.keys(properties).join(', ');
      if (amount === '') return 'an object';
      return `an object of ${amount}${names === '' ? '' : ` (${names})`}`;
    }
    case 'null':
      return 'null';
    default:
      return 'a valid value';
  }
}

function boundsOf(schema: ValueSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const step = multipleOf === undefined ? [] : [`that is a multiple of ${multipleOf}`];
  const bounds =
    minimum !== undefined && maximum !== undefined
      ? [`from ${minimum} to ${maximum}`]
      : [
          minimum === undefined ? [] : `of at least ${minimum}`,
          exclusiveMinimum === undefined ? [] : `above ${exclusiveMinimum}`,
          maximum === undefined ? [] : `of at most ${maximum}`,
          exclusiveMaximum === undefined ? [] : `below ${exclusiveMaximum}`,
        ].flat();
  return [...bounds, ...step].map((bound, i) => (i === 0 ? ` ${bound}` : ` and ${bound}`)).join('');
}

const FORMATS: Record<string, string> = {
  uuid: 'a UUID',
  uri: 'a URI',
  'date-time': 'a date and time from year 1 on with its zone (such as 2026-11-20T09:30:00Z)',
};

function textOf({ format, pattern, examples, minLength, maxLength }: ValueSchema): string {
  if (format !== undefined) return FORMATS[format] ?? `text in the format ${format}`;
  const amount = amountOf(minLength, maxLength, ['character', 'characters']);
  const length = amount === '' ? '' : ` of ${amount}`;
  if (pattern === undefined) return `text${length}`;
  const example = examples?.[0];
  return example === undefined
    ? `text${length} that matches ${showValue(pattern)}`
    : `text${length} like ${showValue(example)}`;
}

function amountOf(
  minimum: number | undefined,
  maximum: number | undefined,
  [singular, plural]: [string, string],
): string {
  const counted = (count: number) => `${count} ${count === 1 ? singular : plural}`;
  if (minimum === undefined) return maximum === undefined ? '' : `at most ${counted(maximum)}`;
  if (maximum === undefined) return `at least ${counted(minimum)}`;
  return minimum === maximum ? counted(minimum) : `${minimum} to ${counted(maximum)}`;
}
