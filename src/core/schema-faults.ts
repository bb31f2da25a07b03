import type { ArrayOptions, IntegerOptions, ObjectOptions, StringOptions } from '@sinclair/typebox';
import type { ErrorObject } from 'ajv';
import type { Fault } from './errors.ts';
import {
  counted,
  escapePointer,
  type Faults,
  MAX_LISTED,
  mismatch,
  parameterFault,
  showValue,
  Words,
} from './faults.ts';
import { didYouMean, suggestChoice, suggestParameter } from './suggestion.ts';

/** Maximum characters of an unknown property's name in a path. */
const MAX_NAME = 200;
/** Maximum number of accepted parameters that a message lists. */
const MAX_ACCEPTED = 12;

/**
 * Ajv's errors (of an Ajv with `verbose` and `allErrors`) in the wording of the service, one for each wrong value.
 *
 * A message says everything that is expected of a value, not only what the failed keyword says, so further errors of the same
 * value add nothing: 0.5 for an integer of at least 1 fails both `type` and `minimum`. A union's error stands for those of
 * its branches. The errors of `discriminator` and `if` are left out, because the tag's `enum` or `maxItems` and `items` give the
 * same faults.
 */
export function schemaFaults(errors: readonly ErrorObject[]): Faults {
  const listed = new Map<string, ErrorObject>();
  const paths = new Set<string>();
  for (const error of errors) {
    if (error.keyword === 'discriminator' || error.keyword === 'if') continue;
    const path = pathOf(error);
    const isUnion = error.keyword === 'anyOf' || error.keyword === 'oneOf';
    if (paths.has(path) ? isUnion && listed.has(path) : paths.size < MAX_LISTED) listed.set(path, error);
    paths.add(path);
  }
  return { listed: [...listed].map(([path, error]) => toFault(path, error)), total: paths.size };
}

/** The path of the value that is wrong. */
function pathOf({ keyword, instancePath, params }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return `${instancePath}/${escapePointer(String(params.missingProperty))}`;
    case 'additionalProperties':
      return `${instancePath}/${escapePointer(String(params.additionalProperty).slice(0, MAX_NAME))}`;
    case 'uniqueItems':
      return `${instancePath}/${Math.max(Number(params.i), Number(params.j))}`;
    default:
      return instancePath;
  }
}

function toFault(path: string, error: ErrorObject): Fault {
  const { keyword, params, data } = error;
  const schema: ValueSchema = error.parentSchema ?? {};
  const received = holdsSecret(schema) ? withoutSecret(data) : data;
  switch (keyword) {
    case 'required': {
      const { [String(params.missingProperty)]: missing } = schema.properties ?? {};
      return parameterFault(path, missing?.enum ? expectationOf(missing) : 'a value', undefined);
    }
    case 'additionalProperties':
      return { path, message: unknownParameter(String(params.additionalProperty), schema) };
    case 'uniqueItems': {
      const items: unknown[] = Array.isArray(data) ? data : [];
      const item = items[Math.max(Number(params.i), Number(params.j))];
      return parameterFault(path, 'a value that differs from all previous items', item);
    }
    case VALUE_KEYWORD:
      return parameterFault(path, String(params.expected), received);
    default: {
      const { message } = parameterFault(path, expectationOf(schema) + wayOut(error, schema), received);
      return { path, message: message + didYouMean(nearChoice(schema, data)) };
    }
  }
}

/** Whether a value is a password or token, or should be an object with one. */
function holdsSecret({ format, properties = {} }: ValueSchema): boolean {
  return format === 'password' || Object.values(properties).some(holdsSecret);
}

/** A password or token in words, because messages are logged. */
function withoutSecret(data: unknown): unknown {
  if (typeof data === 'string') return new Words(counted(data.length, 'character'));
  return typeof data === 'number' ? new Words('a number') : data;
}

function unknownParameter(given: string, { properties = {} }: ValueSchema): string {
  const accepted = Object.keys(properties);
  // One of several objects, which one property tells apart, takes other parameters than the rest.
  const tag = Object.entries(properties).find(([, { const: value }]) => typeof value === 'string');
  const known = tag === undefined ? 'a known parameter' : `a known parameter for ${tag[0]}=${tag[1].const}`;
  const suggestion = suggestParameter(given, accepted);
  if (suggestion !== undefined) return mismatch('', known, given) + didYouMean(suggestion);
  if (accepted.length === 0) return mismatch('', 'no parameter', given);
  const list = accepted.length > MAX_ACCEPTED ? '' : ` (${accepted.join(', ')})`;
  return mismatch('', `${known}${list}`, given);
}

/** The choice that a wrong value probably stands for. */
function nearChoice(schema: ValueSchema, data: unknown): string | undefined {
  const choices = (schema.enum ?? [schema.const]).filter((choice) => typeof choice === 'string');
  return typeof data === 'string' ? suggestChoice(data, choices) : undefined;
}

/** How to write what is not accepted as it is: several values, a number with commas, or a colour that a URL has cut off. */
function wayOut({ schemaPath, data }: ErrorObject, schema: ValueSchema): string {
  if (typeof data !== 'string') return '';
  if (data === '' && /color$/.test(schema.format ?? '')) return ' (in a URL, # is written %23)';
  if (!data.includes(',')) return '';
  const types = [schema.type].flat();
  const isNumber = types.includes('number') || types.includes('integer');
  const isItem = schemaPath.includes('/items/');
  if (isItem && (isNumber || schema.enum)) return ' (one value at a time: in a query, repeat the parameter)';
  if (!isNumber || !/^[+-]?\d*(?:,\d+)+$/.test(data.trim())) return '';
  return types.includes('number') ? ', written with a decimal point,' : ', written without commas,';
}

const VALUE_KEYWORD = 'value';

/** An error about a value that its schema allows, in Ajv's form. */
export function valueError(instancePath: string, expected: string, data: unknown): ErrorObject {
  return { keyword: VALUE_KEYWORD, instancePath, schemaPath: '#', params: { expected }, data };
}

/** The keywords that say what a value must be. */
type ValueSchema = IntegerOptions &
  StringOptions &
  ArrayOptions &
  ObjectOptions & {
    type?: string | string[];
    const?: unknown;
    enum?: unknown[];
    anyOf?: ValueSchema[];
    oneOf?: ValueSchema[];
    properties?: Record<string, ValueSchema>;
  };

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
      const amount = amountOf(minItems, maxItems, uniqueItems ? 'different item' : 'item');
      return amount === '' ? 'an array' : `an array of ${amount}`;
    }
    case 'object': {
      const { minProperties, maxProperties, properties = {} } = schema;
      const amount = amountOf(minProperties, maxProperties, 'property', 'properties');
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

/** Formats by their names in schemas, with what a message says. */
const FORMATS: Record<string, string> = {
  color: 'a colour such as red, #336699, 33669980 or rgb(51, 102, 153)',
  'opaque-color': 'a colour without transparency such as red, #336699, 369 or rgb(51, 102, 153)',
  uuid: 'a UUID',
  uri: 'a URI',
  email: 'an e-mail address of at most 254 characters (such as ada@example.org)',
  'date-time': 'a date and time with a zone, from year 1 on (such as 2026-11-20T09:30:00Z)',
};

function textOf({ format, pattern, examples, minLength, maxLength }: ValueSchema): string {
  // `password` only tells forms to hide what is typed.
  if (format !== undefined && format !== 'password') return FORMATS[format] ?? `text in the format ${format}`;
  const amount = amountOf(minLength, maxLength, 'character');
  const length = amount === '' ? '' : ` of ${amount}`;
  if (pattern === undefined) return `text${length}`;
  const example = examples?.[0];
  // An expression would not help. Schemas of values that clients write have an example.
  return example === undefined
    ? `text${length} in the documented form`
    : `text${length} like ${showValue(example)}`;
}

function amountOf(minimum?: number, maximum?: number, ...noun: [singular: string, plural?: string]): string {
  if (maximum === undefined) return minimum === undefined ? '' : `at least ${counted(minimum, ...noun)}`;
  const most = counted(maximum, ...noun);
  if (minimum === undefined) return `at most ${most}`;
  return minimum === maximum ? most : `${minimum} to ${most}`;
}
