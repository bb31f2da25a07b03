import { type SchemaOptions, type TSchema, Type } from '@sinclair/typebox';
import { parseColor } from '../../core/color.ts';

const SPELLINGS = 'A name of CSS (`red`), hexadecimal digits (`#369`, `336699`) or `rgb(51, 102, 153)`';
const MAX_LENGTH = 50;

/** A colour as text, in sRGB. */
export function Color(description: string, options: SchemaOptions = {}) {
  return Type.String({
    description: `${description} ${SPELLINGS}, also with alpha (\`#33669980\`, \`rgba(51, 102, 153, 0.5)\`).`,
    format: 'color',
    maxLength: MAX_LENGTH,
    examples: ['#336699', '#33669980'],
    ...options,
  });
}

/** A colour without transparency. */
export function OpaqueColor(description: string, options: SchemaOptions = {}) {
  return Type.String({
    description: `${description} ${SPELLINGS}.`,
    format: 'opaque-color',
    maxLength: MAX_LENGTH,
    examples: ['#336699'],
    ...options,
  });
}

export function isColorSchema(schema: TSchema | undefined): boolean {
  return schema?.format === 'color' || schema?.format === 'opaque-color';
}

export function isTranslucent(color: string): boolean {
  return parseColor(color).alpha < 1;
}

export function isGreyColor(color: string): boolean {
  const { r, g, b } = parseColor(color);
  return r === g && g === b;
}
