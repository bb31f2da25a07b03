import type { TSchema } from '@sinclair/typebox';

/** The first line of a generated page. */
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

/** The values that a schema accepts: its choices, or its type and bounds. */
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

function boundsOf({ minimum, maximum = Number.MAX_SAFE_INTEGER, exclusiveMinimum }: TSchema): string {
  const number = (value: number) => value.toLocaleString('en-US');
  const isOpen = maximum === Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined)
    return isOpen ? `at least ${number(minimum)}` : `${number(minimum)} to ${number(maximum)}`;
  const bounds = [
    ...(exclusiveMinimum === undefined ? [] : [`above ${number(exclusiveMinimum)}`]),
    ...(isOpen ? [] : [`at most ${number(maximum)}`]),
  ];
  return bounds.join(', ');
}
