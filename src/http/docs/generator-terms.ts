import { type OpenApiDocument, referredName, schemasOf } from './openapi-schemas.ts';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const isInt32 = (value: unknown) => typeof value === 'number' && value >= INT32_MIN && value <= INT32_MAX;

/**
 * Gives numbers a format, because generators take an integer without one for 32 bits or for a decimal number, and
 * any other number for 32 bits of floating point, which round a depth or a mean.
 */
export function formatNumbers(document: OpenApiDocument): void {
  for (const schema of schemasOf(document)) {
    const types = [schema.type].flat();
    if (types.includes('integer')) {
      const extremes = schema.enum?.filter((value) => value !== null) ?? [schema.minimum, schema.maximum];
      schema.format ??= extremes.every(isInt32) ? 'int32' : 'int64';
    } else if (types.includes('number')) {
      schema.format ??= 'double';
    }
  }
}

/** Titles the branches of unions that are named schemas by their names, because readers show the others as "#0" and "#1". */
export function titleBranches(document: OpenApiDocument): void {
  const { schemas = {} } = document.components ?? {};
  for (const { oneOf = [], anyOf = [] } of schemasOf(document)) {
    for (const reference of [...oneOf, ...anyOf]) {
      const name = referredName(reference) ?? '';
      const branch = schemas[name];
      if (branch !== undefined) branch.title = name;
    }
  }
}
