import { CSS_COLORS } from './css-colors.ts';

/** Red, green and blue from 0 to 255, alpha from 0 (transparent) to 1. */
export interface Rgba {
  r: number;
  g: number;
  b: number;
  alpha: number;
}

const HEX = /^#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/;
const CHANNEL = '\\s*(\\d{1,3})\\s*';
/** `rgb(r, g, b)`, `rgba(r, g, b, alpha)`, and with spaces and a slash instead of commas. */
const RGB = new RegExp(
  `^rgba?\\(${CHANNEL}[, ]${CHANNEL}[, ]${CHANNEL}(?:[,/]\\s*(\\d?\\.?\\d+|\\d{1,3}%)\\s*)?\\)$`,
);

/**
 * A colour in sRGB from its text: a name of CSS, `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa` with or without `#`, or `rgb(r, g, b)`
 * with or without alpha, in any case.
 *
 * @returns the colour as 8 hexadecimal digits, lower case; undefined if the text is not a colour
 */
function hexOf(text: string): string | undefined {
  const plain = text.trim().toLowerCase();
  if (plain === 'transparent') return '00000000';
  const named = CSS_COLORS.get(plain);
  if (named !== undefined) return `${named}ff`;
  const digits = HEX.exec(plain)?.[1];
  if (digits === undefined) return hexOfFunction(plain);
  const full = digits.length <= 4 ? [...digits].map((digit) => digit + digit).join('') : digits;
  return full.padEnd(8, 'f');
}

function hexOfFunction(text: string): string | undefined {
  const match = RGB.exec(text);
  if (!match) return undefined;
  const [red, green, blue] = match.slice(1, 4).map(Number) as [number, number, number];
  const [, , , , alpha = '1'] = match;
  const share = alpha.endsWith('%') ? Number(alpha.slice(0, -1)) / 100 : Number(alpha);
  const bytes = [red, green, blue, Math.round(share * 255)];
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function isColor(text: string): boolean {
  return hexOf(text) !== undefined;
}

export function isOpaqueColor(text: string): boolean {
  return hexOf(text)?.endsWith('ff') ?? false;
}

/** The components of a colour. */
export function parseColor(text: string): Rgba {
  const hex = requireHex(text);
  const component = (index: number) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  return { r: component(0), g: component(1), b: component(2), alpha: component(3) / 255 };
}

/** The one spelling of a colour: lower case, `#`, two digits per component, alpha only if it is not opaque. */
export function canonicalColor(text: string): string {
  const hex = requireHex(text);
  return `#${hex.endsWith('ff') ? hex.slice(0, 6) : hex}`;
}

function requireHex(text: string): string {
  const hex = hexOf(text);
  if (hex === undefined) throw new TypeError(`${text} is not a colour.`);
  return hex;
}
