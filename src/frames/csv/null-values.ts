import { parameterError } from '../../core/faults.ts';
import { NOT_A_NUMBER, parseDepth } from './cells.ts';

/** What marks a missing pixel unless something else is asked for, besides the empty cell. */
export const DEFAULT_NULL_VALUES: readonly string[] = ['-999.25'];

const MAX_VALUES = 16;
const MAX_LENGTH = 32;

/**
 * The marks of missing pixels. A mark that is a number (by the grammar of a depth) is compared by value, so that
 * `-999.25` also finds `-999.250`; any other is compared as text, without regard to case and blanks around it. The
 * empty cell is always one.
 */
export interface NullValues {
  numbers: ReadonlySet<number>;
  texts: ReadonlySet<string>;
  /** The marks as bytes, to be compared before any parsing. */
  literals: readonly Uint8Array[];
  /** 1 at each pixel value that is a mark; undefined if none is. */
  pixels: Uint8Array | undefined;
}

/**
 * Compiles marks of missing pixels, for example `['-999.25', 'NaN']`; empty ones are left out.
 * @throws AppError `validation_failed` for more than 16 marks, or one longer than 32 bytes.
 */
export function compileNullValues(values: readonly string[]): NullValues {
  const marks = values.map((value) => value.trim()).filter((value) => value !== '');
  if (marks.length > MAX_VALUES) {
    throw parameterError('/null_values', `at most ${MAX_VALUES} values`, marks.length);
  }
  const numbers = new Set<number>();
  const texts = new Set<string>();
  const pixels = new Uint8Array(256);
  for (const mark of marks) {
    const bytes = Buffer.from(mark);
    if (bytes.length > MAX_LENGTH) {
      throw parameterError('/null_values', `values of at most ${MAX_LENGTH} bytes`, mark);
    }
    const number = parseDepth(mark, false);
    if (Number.isFinite(number)) numbers.add(number);
    else texts.add(mark.toLowerCase());
    if (Number.isInteger(number) && number >= 0 && number <= 255) pixels[number] = 1;
  }
  return {
    numbers,
    texts,
    literals: marks.map((mark) => Uint8Array.from(Buffer.from(mark))),
    pixels: pixels.includes(1) ? pixels : undefined,
  };
}

/**
 * Whether a pixel cell that isn't a legal pixel (`code` is what `parsePixel` gave) is a mark. Numbers are plain
 * decimals here as in any pixel cell: no exponent.
 */
export function isNullCell(nulls: NullValues, cell: string, code: number, decimalComma: boolean): boolean {
  if (code !== NOT_A_NUMBER) return nulls.numbers.has(parseDepth(cell, decimalComma));
  if (nulls.texts.size === 0 || cell.length > 4 * MAX_LENGTH) return false;
  return nulls.texts.has(cell.trim().toLowerCase());
}

/**
 * Whether a depth cell holds a mark of missing values. A mark that is a legal pixel value (0 to 255) marks pixels
 * only: 0 is a good depth.
 */
export function isNullDepth(nulls: NullValues, depth: number): boolean {
  return nulls.numbers.has(depth) && nulls.pixels?.[depth] !== 1;
}
