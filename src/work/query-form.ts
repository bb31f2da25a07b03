import { type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { parameterError } from '../core/faults.ts';
import { ObjectWithDefaults } from '../core/schema.ts';
import type { RequestForm } from './routes.ts';

/** A structured value as text in a query. */
export interface TextForm {
  schema: TSchema;
  /** @throws AppError `validation_failed` at `path` for text that the schema's pattern cannot rule out */
  parse(text: string, path: string): unknown;
}

interface TextOptions {
  description: string;
  example: string;
}

const NUMBER = '\\d{1,7}';
const POINT = `${NUMBER},${NUMBER}`;
export const POINTS = `${POINT}(?:;${POINT})*`;

function text(pattern: string, { description, example }: TextOptions, maxLength = 100): TSchema {
  return Type.String({ pattern: `^${pattern}$`, maxLength, description, examples: [example] });
}

function toPoint(text: string): { x: number; y: number } {
  const [x = 0, y = 0] = text.split(',').map(Number);
  return { x, y };
}

/** Parses points written as `x,y;x,y;…`. */
export function parsePoints(text: string): { x: number; y: number }[] {
  return text === '' ? [] : text.split(';').map(toPoint);
}

/** A box: four numbers, named in their order. */
export function boxText({ names, ...options }: TextOptions & { names: readonly string[] }): TextForm {
  return {
    schema: text(`${POINT},${POINT}`, options),
    parse(value) {
      const numbers = value.split(',').map(Number);
      return Object.fromEntries(names.map((name, index) => [name, numbers[index] ?? 0]));
    },
  };
}

/** A pixel, `x,y`. */
export function pointText(options: TextOptions): TextForm {
  return { schema: text(POINT, options), parse: toPoint };
}

/** Maximum characters of a text with many points: a URL must not be much longer. */
const MAX_POINTS_LENGTH = 8192;

/** Pixels, `x,y;x,y;…`. */
export function pointsText(options: TextOptions): TextForm {
  return { schema: text(POINTS, options, MAX_POINTS_LENGTH), parse: parsePoints };
}

/** One of several kinds of value, distinguished by a name before a colon: `levels:30,150`. */
export function taggedText(
  kinds: Record<string, { pattern: string; parse: (text: string) => unknown }>,
  options: TextOptions,
): TextForm {
  const matchers = Object.entries(kinds).map(([name, { pattern, parse }]) => ({
    matcher: new RegExp(`^${name}:(${pattern})$`),
    parse,
  }));
  return {
    schema: Type.String({
      maxLength: MAX_POINTS_LENGTH,
      description: options.description,
      examples: [options.example],
    }),
    parse(value, path) {
      for (const { matcher, parse } of matchers) {
        const match = matcher.exec(value);
        if (match) return parse(match[1] ?? '');
      }
      throw parameterError(path, `text like ${JSON.stringify(options.example)}`, value);
    },
  };
}

/** Parameters as a query carries them: those in `texts` as text, all others unchanged. */
export function queryForm(properties: TProperties, texts: Record<string, TextForm>): RequestForm<TObject> {
  const schemas = Object.entries(texts).map(([name, { schema }]) => [name, Type.Optional(schema)]);
  return {
    schema: ObjectWithDefaults({ ...properties, ...Object.fromEntries(schemas) }),
    read: (values) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => {
          const form = texts[name];
          return [name, form && typeof value === 'string' ? form.parse(value, `/${name}`) : value];
        }),
      ),
    locate(path) {
      const [, name = ''] = path.split('/');
      return name in texts ? `/${name}` : path;
    },
  };
}
