/**
 * The number grammar of image-log cells:
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
function grammar(point: string) {
  const plain = `(?:\\d+(?:${point}\\d*)?|${point}\\d+)`;
  return {
    whole: new RegExp(`^[ \\t]*[+-]?(?:\\d+(?:${point}0*)?|${point}0+)[ \\t]*$`),
    pixel: new RegExp(`^[ \\t]*[+-]?${plain}[ \\t]*$`),
    depth: new RegExp(`^[ \\t]*[+-]?${plain}(?:[eE][+-]?\\d+)?[ \\t]*$`),
  };
}

const WITH_POINT = grammar('\\.');
const WITH_COMMA = grammar('[.,]');

export const NOT_A_NUMBER = -1;
export const NOT_WHOLE = -2;
export const OUT_OF_RANGE = -3;

/**
 * Reads a pixel cell.
 * @returns 0 to 255, or NOT_A_NUMBER, NOT_WHOLE or OUT_OF_RANGE, which are negative.
 */
export function parsePixel(cell: string, decimalComma: boolean): number {
  const digits = parseDigits(cell);
  if (digits >= 0) return digits <= 255 ? digits : OUT_OF_RANGE;
  const { whole, pixel } = decimalComma ? WITH_COMMA : WITH_POINT;
  if (!whole.test(cell)) return pixel.test(cell) ? NOT_WHOLE : NOT_A_NUMBER;
  const value = Number(cell.replace(',', '.'));
  return value >= 0 && value <= 255 ? value + 0 : OUT_OF_RANGE;
}

/** Up to four digits, as nearly all pixels are written, several times as fast as an expression reads them; -1 for all else. */
function parseDigits(cell: string): number {
  if (cell.length === 0 || cell.length > 4) return -1;
  let value = 0;
  for (let at = 0; at < cell.length; at++) {
    const digit = cell.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value;
}

/**
 * Reads a depth cell.
 * @returns the double nearest the decimal text (never -0, which would sort and print like 0 but not be identical to
 * it); NaN if it is not a number; ±Infinity if it is too large for a double.
 */
export function parseDepth(cell: string, decimalComma: boolean): number {
  const { depth } = decimalComma ? WITH_COMMA : WITH_POINT;
  return depth.test(cell) ? Number(cell.replace(',', '.')) + 0 : Number.NaN;
}

/** Whether a cell holds nothing but blanks. */
export function isBlankCell(cell: string): boolean {
  return /^[ \t]*$/.test(cell);
}
