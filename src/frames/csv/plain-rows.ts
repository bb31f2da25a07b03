import type { BatchBuilder } from './batches.ts';
import type { NullValues } from './null-values.ts';

const LF = 10;
const CR = 13;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** Results of `#readOddCell` besides pixel values. */
const MISSING = -1;
const NOT_PLAIN = -2;

/** Powers of ten that are exact as doubles. */
const POWERS_OF_TEN = Float64Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Reads plain rows straight from a chunk into a batch: the depth first, as `[-]digits[.digits]` of at most 15 digits (or with a decimal
 * comma, unless commas separate cells),
 * then pixels of one to three digits with or without `.0`, empty, or spelled exactly like a null value; no quotes, no
 * blanks; behind them, the empty cells that the header has, too. All other rows are left to `RowReader`, which gives the same result for plain ones, but more slowly (see
 * docs/benchmarks.md).
 */
export class FastRowScanner {
  readonly #delimiter: number;
  readonly #nulls: NullValues;
  readonly #literals: readonly Uint8Array[];
  readonly #emptyCells: number;
  /** The end of the cell that `#readOddCell` has read. */
  #oddEnd = 0;

  /** @param emptyCells that follow the pixels in the header and may follow them in a row */
  constructor(delimiter: number, nulls: NullValues, emptyCells: number) {
    this.#emptyCells = emptyCells;
    this.#delimiter = delimiter;
    this.#nulls = nulls;
    // A null value that contains the delimiter is in quotes, and this scanner does not read quotes.
    this.#literals = nulls.literals.filter((literal) => !literal.includes(delimiter));
  }

  /**
   * Reads the row that starts at `from` into the row of `batch` that is being written.
   * @returns the position after its line end (for CRLF, after the CR), or -1 if the row is not plain or not complete. The
   *   row of the batch, with its null marks, is then half written.
   */
  scan(chunk: Uint8Array, from: number, batch: BatchBuilder): number {
    let at = this.#readDepth(chunk, from, batch);
    if (at < 0) return -1;
    const delimiter = this.#delimiter;
    const end = chunk.length;
    const { columns, pixels } = batch;
    const nullPixels = this.#nulls.pixels;
    const last = columns - 1;
    let out = batch.count * columns;
    let missing = 0;
    let min = 256;
    let max = -1;
    for (let column = 0; ; column++) {
      // Room for the longest plain cell and its end.
      if (at + 4 > end) return -1;
      let value = (chunk[at] as number) - ZERO;
      let stop = at + 1;
      let byte = chunk[stop] as number;
      if (value >= 0 && value <= 9) {
        let digit = byte - ZERO;
        if (digit >= 0 && digit <= 9) {
          value = value * 10 + digit;
          byte = chunk[++stop] as number;
          digit = byte - ZERO;
          if (digit >= 0 && digit <= 9) {
            value = value * 10 + digit;
            byte = chunk[++stop] as number;
          }
        }
      } else {
        value = 256;
      }
      if (value > 255 || !(byte === delimiter || byte === LF || byte === CR)) {
        value = this.#readOddCell(chunk, at, value, stop);
        if (value === NOT_PLAIN) return -1;
        stop = this.#oddEnd;
        byte = chunk[stop] as number;
      }
      at = stop + 1;
      if (value === MISSING || (nullPixels !== undefined && nullPixels[value] === 1)) {
        pixels[out++] = 0;
        batch.setNull(column);
        missing++;
      } else {
        pixels[out++] = value;
        if (value < min) min = value;
        if (value > max) max = value;
      }
      if (byte !== delimiter) {
        if (column < last) return -1;
        break;
      }
      if (column === last) {
        if (this.#emptyCells === 0) return -1;
        at = this.#skipEmptyCells(chunk, at);
        if (at < 0) return -1;
        break;
      }
    }
    batch.nullPixels = missing;
    batch.valueMin = min;
    batch.valueMax = max;
    return at;
  }

  /** @returns the position after the line end behind the empty cells at the end of a row, or -1 if something else is there */
  #skipEmptyCells(chunk: Uint8Array, from: number): number {
    let at = from;
    while (chunk[at] === this.#delimiter) at++;
    const isEnd = chunk[at] === LF || chunk[at] === CR;
    return isEnd && at - from < this.#emptyCells ? at + 1 : -1;
  }

  /** Reads the depth and its delimiter; up to 15 digits are exact as an integer and after one division. */
  #readDepth(chunk: Uint8Array, from: number, batch: BatchBuilder): number {
    let at = from;
    const negative = chunk[at] === MINUS;
    if (negative) at++;
    // Room for 15 digits and a point, then the delimiter.
    if (at + 17 > chunk.length) return -1;
    const first = at;
    let mantissa = 0;
    let decimals = 0;
    let byte = (chunk[at] as number) - ZERO;
    for (; byte >= 0 && byte <= 9 && at - first <= 15; byte = (chunk[++at] as number) - ZERO) {
      mantissa = mantissa * 10 + byte;
    }
    let digits = at - first;
    if (digits === 0) return -1;
    if (byte + ZERO === POINT || (byte + ZERO === COMMA && this.#delimiter !== COMMA)) {
      const point = ++at;
      byte = (chunk[at] as number) - ZERO;
      for (; byte >= 0 && byte <= 9 && at - first <= 16; byte = (chunk[++at] as number) - ZERO) {
        mantissa = mantissa * 10 + byte;
      }
      decimals = at - point;
      digits += decimals;
    }
    if (digits > 15 || byte + ZERO !== this.#delimiter) return -1;
    // Both are exact, so their quotient is the nearest double (Clinger 1990, the fast case).
    const depth = mantissa / (POWERS_OF_TEN[decimals] as number);
    batch.depth = negative ? 0 - depth : depth;
    batch.depthDecimals = decimals;
    // A depth that is a null value is a fault, which `RowReader` reports.
    return this.#nulls.numbers.has(batch.depth) ? -1 : at + 1;
  }

  /**
   * Reads a cell that is not just the digits of a pixel: empty, a null value, or digits followed by `.000`.
   * @param value of its leading digits; 256 if it has no digits
   * @param stop the first byte after those digits
   * @returns the pixel, MISSING or NOT_PLAIN; `#oddEnd` is the end of the cell
   */
  #readOddCell(chunk: Uint8Array, from: number, value: number, stop: number): number {
    if (this.#endsCell(chunk[from])) {
      this.#oddEnd = from;
      return MISSING;
    }
    for (const literal of this.#literals) {
      const after = from + literal.length;
      if (!this.#endsCell(chunk[after])) continue;
      let same = 0;
      while (same < literal.length && chunk[from + same] === literal[same]) same++;
      if (same === literal.length) {
        this.#oddEnd = after;
        return MISSING;
      }
    }
    if (value > 255 || chunk[stop] !== POINT) return NOT_PLAIN;
    let at = stop + 1;
    while (chunk[at] === ZERO) at++;
    if (!this.#endsCell(chunk[at])) return NOT_PLAIN;
    this.#oddEnd = at;
    return value;
  }

  #endsCell(byte: number | undefined): boolean {
    return byte === this.#delimiter || byte === LF || byte === CR;
  }
}
