/**
 * The number grammar of image-log cells, on bytes:
 *
 *     blank  = space | tab
 *     point  = "." , or also "," in a file separated by semicolons
 *     plain  = digits [ point [ digits ] ] | point digits
 *     pixel  = { blank } [ "+" | "-" ] plain { blank }
 *     depth  = { blank } [ "+" | "-" ] plain [ ( "e" | "E" ) [ "+" | "-" ] digits ] { blank }
 *
 * A pixel's value must be whole (`12`, `12.`, `12.0`) and 0 to 255. A depth is the double nearest its decimal text.
 * No hexadecimal, no thousands separators, no `NaN` or `Infinity`.
 */

export const NOT_A_NUMBER = -1;
export const NOT_WHOLE = -2;
export const OUT_OF_RANGE = -3;

const SPACE = 32;
const TAB = 9;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

function skipBlanks(text: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (text[at] === SPACE || text[at] === TAB)) at++;
  return at;
}

function dropBlanks(text: Uint8Array, start: number, from: number): number {
  let end = from;
  while (end > start && (text[end - 1] === SPACE || text[end - 1] === TAB)) end--;
  return end;
}

/**
 * Reads a pixel cell, bytes `start` to `end` (exclusive) of `text`.
 * @returns 0 to 255, or NOT_A_NUMBER, NOT_WHOLE or OUT_OF_RANGE, which are negative.
 */
export function parsePixel(text: Uint8Array, start: number, end: number, decimalComma: boolean): number {
  let at = skipBlanks(text, start, end);
  const stop = dropBlanks(text, at, end);
  const negative = text[at] === MINUS;
  if (at < stop && (negative || text[at] === PLUS)) at++;
  let value = 0;
  let digits = 0;
  let fraction = false;
  let whole = true;
  for (; at < stop; at++) {
    const byte = text[at] as number;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      digits++;
      if (fraction) whole &&= digit === 0;
      else if (value <= 255) value = value * 10 + digit;
    } else if ((byte === POINT || (decimalComma && byte === COMMA)) && !fraction) {
      fraction = true;
    } else {
      return NOT_A_NUMBER;
    }
  }
  if (digits === 0) return NOT_A_NUMBER;
  if (!whole) return NOT_WHOLE;
  return value > 255 || (negative && value > 0) ? OUT_OF_RANGE : value;
}

/** Powers of ten that are exact as doubles. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Whole number times a power of ten, rounded once. Exact inputs give the nearest double by one IEEE operation:
 * `mantissa` up to 10^15 < 2^53 and 10^22 = 2^22 · 5^22 (5^22 < 2^53) are exact (Clinger 1990, "How to read
 * floating point numbers accurately", the fast case).
 */
export function scaleDecimal(mantissa: number, exponent: number): number {
  return exponent < 0
    ? mantissa / (POWERS_OF_TEN[-exponent] as number)
    : mantissa * (POWERS_OF_TEN[exponent] as number);
}

/**
 * Reads a depth cell, bytes `start` to `end` (exclusive) of `text`.
 * @returns the double nearest the decimal text (never -0, which would sort and print like 0 but not be identical to
 * it); NaN where it isn't a number; ±Infinity where it is too large for a double.
 */
export function parseDepth(text: Uint8Array, start: number, end: number, decimalComma: boolean): number {
  const first = skipBlanks(text, start, end);
  const stop = dropBlanks(text, first, end);
  let at = first;
  const negative = text[at] === MINUS;
  if (at < stop && (negative || text[at] === PLUS)) at++;
  let mantissa = 0;
  let significant = 0;
  let digits = 0;
  let scale = 0;
  let fraction = false;
  for (; at < stop; at++) {
    const byte = text[at] as number;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      digits++;
      if (significant > 0 || digit > 0) significant++;
      if (significant <= 15) mantissa = mantissa * 10 + digit;
      if (fraction) scale--;
    } else if ((byte === POINT || (decimalComma && byte === COMMA)) && !fraction) {
      fraction = true;
    } else {
      break;
    }
  }
  if (digits === 0) return Number.NaN;
  if (at < stop) {
    const exponent = parseExponent(text, at, stop);
    if (Number.isNaN(exponent)) return Number.NaN;
    scale += exponent;
  }
  if (significant > 15 || scale < -22 || scale > 22) return nearestDouble(text, first, stop);
  const value = scaleDecimal(mantissa, scale);
  return negative ? 0 - value : value;
}

function parseExponent(text: Uint8Array, start: number, stop: number): number {
  if (((text[start] as number) | 32) !== 101) return Number.NaN;
  let at = start + 1;
  const negative = text[at] === MINUS;
  if (negative || text[at] === PLUS) at++;
  if (at >= stop) return Number.NaN;
  let exponent = 0;
  for (; at < stop; at++) {
    const digit = (text[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    if (exponent < 1e6) exponent = exponent * 10 + digit;
  }
  return negative ? -exponent : exponent;
}

/** The engine's own correctly rounded conversion, for text already known to fit the grammar. */
function nearestDouble(text: Uint8Array, start: number, end: number): number {
  return (
    Number(
      Buffer.from(text.buffer, text.byteOffset + start, end - start)
        .toString('latin1')
        .replace(',', '.'),
    ) + 0
  );
}

/** Whether a cell holds nothing but blanks. */
export function isBlankCell(text: Uint8Array, start: number, end: number): boolean {
  return skipBlanks(text, start, end) === end;
}
