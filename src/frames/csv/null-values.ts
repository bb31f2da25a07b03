import { parameterError } from '../../core/faults.ts';
import { type PixelFault, parseDepth } from './cells.ts';

/** Marks of missing pixels, besides the empty cell, if the request names none. */
export const DEFAULT_NULL_VALUES: readonly string[] = ['-999.25'];

const MAX_VALUES = 16;
/** Bytes of a mark. */
export const MAX_NULL_LENGTH = 32;

/**
 * The marks of missing pixels. A mark that is a number (by the grammar of a depth) is compared by value, so that
 * `-999.25` also matches `-999.250`. Other marks are compared as text, ignoring case and blanks around them. The empty
 * cell is always a mark.
 */
export interface NullValues {
  numbers: ReadonlySet<number>;
  texts: ReadonlySet<string>;
  /** The marks as bytes, which are compared before anything is parsed. */
  literals: readonly Uint8Array[];
  /** 1 at each pixel value that is a mark; undefined if no pixel value is. */
  pixels: Uint8Array | undefined;
}

/**
 * Compiles marks of missing pixels, trimmed and not empty: for example `['-999.25', 'NaN']`.
 * @throws AppError `validation_failed` for more than 16 marks or a mark longer than 32 bytes
 */
export function compileNullValues(marks: readonly string[]): NullValues {
  if (marks.length > MAX_VALUES) {
    throw parameterError('/null_values', `at most ${MAX_VALUES} values`, marks.length);
  }
  const numbers = new Set<number>();
  const texts = new Set<string>();
  const pixels = new Uint8Array(256);
  const literals: Uint8Array[] = [];
  for (const mark of marks) {
    const bytes = Buffer.from(mark);
    if (bytes.length > MAX_NULL_LENGTH) {
      throw parameterError('/null_values', `values of at most ${MAX_NULL_LENGTH} bytes`, mark);
    }
    literals.push(bytes);
    const number = parseDepth(mark, false);
    if (Number.isFinite(number)) numbers.add(number);
    else texts.add(mark.toLowerCase());
    if (Number.isInteger(number) && number >= 0 && number <= 255) pixels[number] = 1;
  }
  return { numbers, texts, literals, pixels: pixels.includes(1) ? pixels : undefined };
}

/** Whether a pixel cell with a fault is a mark. */
export function isNullCell(
  nulls: NullValues,
  cell: string,
  fault: PixelFault,
  decimalComma: boolean,
): boolean {
  // A number that is a mark may have an exponent, unlike a pixel.
  if (nulls.numbers.has(parseDepth(cell, decimalComma))) return true;
  if (fault !== 'bad_number') return false;
  if (nulls.texts.size === 0 || cell.length > 4 * MAX_NULL_LENGTH) return false;
  return nulls.texts.has(cell.trim().toLowerCase());
}

/**
 * Whether a depth is a mark of missing values. A mark that is a legal pixel value (0 to 255) only marks pixels, because
 * 0 is a good depth.
 */
export function isNullDepth(nulls: NullValues, depth: number): boolean {
  return nulls.numbers.has(depth) && nulls.pixels?.[depth] !== 1;
}
