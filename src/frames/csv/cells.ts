/**
 * The number grammar of image-log cells:
 *
 *     blank  = space | tab
 *     point  = "." , or also "," in a file separated by semicolons or tabs
 *     plain  = digits [ point [ digits ] ] | point digits
 *     pixel  = { blank } [ "+" | "-" ] plain { blank }
 *     depth  = { blank } [ "+" | "-" ] plain [ ( "e" | "E" ) [ "+" | "-" ] digits ] { blank }
 *
 * A pixel's value must be an integer (`12`, `12.`, `12.0`) from 0 to 255. A depth is the double nearest its decimal text.
 * Hexadecimal, thousands separators, `NaN` and `Infinity` are not numbers.
 */
function grammar(point: string) {
  const plain = `(?:\\d+(?:${point}\\d*)?|${point}\\d+)`;
  return {
    pixel: new RegExp(`^[ \\t]*[+-]?${plain}[ \\t]*$`),
    depth: new RegExp(`^[ \\t]*[+-]?${plain}(?:[eE][+-]?\\d+)?[ \\t]*$`),
  };
}

const WITH_POINT = grammar('\\.');
const WITH_COMMA = grammar('[.,]');

export type PixelFault = 'bad_number' | 'not_whole' | 'out_of_range';

/**
 * Reads a pixel cell.
 * @returns 0 to 255, or what is wrong with the cell
 */
export function parsePixel(cell: string, decimalComma: boolean): number | PixelFault {
  const digits = parseDigits(cell);
  if (digits >= 0) return digits <= 255 ? digits : 'out_of_range';
  const { pixel } = decimalComma ? WITH_COMMA : WITH_POINT;
  if (!pixel.test(cell)) return 'bad_number';
  if (/[.,]\d*[1-9]/.test(cell)) return 'not_whole';
  const value = Number(cell.replace(',', '.'));
  return value >= 0 && value <= 255 ? value + 0 : 'out_of_range';
}

/** Reads up to four digits, as nearly all pixels are written, faster than a regular expression does; -1 for anything else. */
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
 * @returns the double nearest the decimal text (never -0, which sorts and prints like 0 but is not identical to it);
 * NaN if it is not a number; ±Infinity if it is too large for a double
 */
export function parseDepth(cell: string, decimalComma: boolean): number {
  const { depth } = decimalComma ? WITH_COMMA : WITH_POINT;
  return depth.test(cell) ? Number(cell.replace(',', '.')) + 0 : Number.NaN;
}

export function isBlankCell(cell: string): boolean {
  return /^[ \t]*$/.test(cell);
}
