import type { TSchema } from '@sinclair/typebox';

/** Says at the top of a page that it is generated. */
export const GENERATED =
  '<!-- Generated from the code by `npm run docs`; a test checks that it is up to date. -->';

/** A Markdown table. Pipes in cells are escaped. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A value as code. */
export function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** The values that a schema accepts: its choices, or its type with its bounds. */
export function valuesOf(schema: TSchema): string {
  const choices = schema.enum ?? schema.anyOf?.map((option: TSchema) => option.const);
  if (Array.isArray(choices) && choices.every((choice) => choice !== undefined)) {
    return choices.map(code).join(', ');
  }
  if (Array.isArray(schema.anyOf))
    return schema.anyOf.map((option: TSchema) => valuesOf(option)).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  const type = schema.type === 'string' ? 'text' : String(schema.type);
  return [type, boundsOf(schema)].filter((part) => part !== '').join(', ');
}

function boundsOf({ minimum, maximum, exclusiveMinimum }: TSchema): string {
  const number = (value: number) => value.toLocaleString('en-US');
  const isOpen = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  const least = minimum ?? exclusiveMinimum;
  if (least === undefined) return isOpen ? '' : `at most ${number(maximum)}`;
  const from = minimum === undefined ? `above ${number(least)}` : number(least);
  if (isOpen) return minimum === undefined ? from : `at least ${from}`;
  return minimum === undefined ? `${from}, at most ${number(maximum)}` : `${from} to ${number(maximum)}`;
}
