import { type SchemaOptions, type TSchema, Type } from '@sinclair/typebox';

const OPAQUE_PATTERN = '^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$';
const COLOR_PATTERN = '^#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$';

/** A colour as text, in sRGB: `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`. */
export function Color(description: string, options: SchemaOptions = {}) {
  return Type.String({
    description: `${description} \`#rgb\`, \`#rgba\`, \`#rrggbb\` or \`#rrggbbaa\`.`,
    pattern: COLOR_PATTERN,
    examples: ['#336699', '#33669980'],
    ...options,
  });
}

/** A colour without transparency: `#rgb` or `#rrggbb`. */
export function OpaqueColor(description: string, options: SchemaOptions = {}) {
  return Type.String({
    description: `${description} \`#rgb\` or \`#rrggbb\`.`,
    pattern: OPAQUE_PATTERN,
    examples: ['#336699'],
    ...options,
  });
}

/** Red, green and blue from 0 to 255, alpha from 0 (transparent) to 1. */
export interface Rgba {
  r: number;
  g: number;
  b: number;
  alpha: number;
}

/** The components of a colour that fits the patterns above. */
export function parseColor(color: string): Rgba {
  const hex = canonicalColor(color).slice(1);
  const component = (index: number) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  return {
    r: component(0),
    g: component(1),
    b: component(2),
    alpha: hex.length === 8 ? component(3) / 255 : 1,
  };
}

/** The one spelling of a colour: lower case, two digits per component, alpha only if it is not opaque. */
export function canonicalColor(color: string): string {
  const digits = color.slice(1).toLowerCase();
  const full = digits.length <= 4 ? [...digits].map((digit) => digit + digit).join('') : digits;
  return `#${full.length === 8 && full.endsWith('ff') ? full.slice(0, 6) : full}`;
}

export function isColorSchema(schema: TSchema | undefined): boolean {
  return schema?.pattern === COLOR_PATTERN || schema?.pattern === OPAQUE_PATTERN;
}

export function isTranslucent(color: string): boolean {
  return parseColor(color).alpha < 1;
}

export function isGreyColor(color: string): boolean {
  const { r, g, b } = parseColor(color);
  return r === g && g === b;
}
