import type { BatchBuilder } from './batches.ts';
import type { NullValues } from './null-values.ts';

const LF = 10;
const CR = 13;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

/** A missing pixel, among pixel values. */
const MISSING = -1;
const NOT_HERE = -2;

/** Powers of ten that are exact as doubles. */
const POWERS_OF_TEN = Float64Array.from({ length: 16 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Reads rows of the classic shape straight from the chunk into a batch: depth first as `[-]digits[.digits]` of at
 * most 15 digits, then pixels of one to three digits, `.0`s behind them, empty, or spelled exactly like a null value;
 * no quotes, no blanks. Anything else it leaves to the general path, which knows the whole grammar; what it does
 * accept means the same there. It stays because without it an upload of plain rows takes longer: see docs/benchmarks.md.
 */
export class FastRowScanner {
  /** Of the row that `scan` accepted. */
  depth = 0;
  nullPixels = 0;
  /** 256 if every pixel is missing. */
  valueMin = 256;
  /** -1 if every pixel is missing. */
  valueMax = -1;

  readonly #columns: number;
  readonly #delimiter: number;
  readonly #nulls: NullValues;
  /** Where `readOddCell` found the cell's end. */
  #oddEnd = 0;

  constructor(columns: number, delimiter: number, nulls: NullValues) {
    this.#columns = columns;
    this.#delimiter = delimiter;
    this.#nulls = nulls;
  }

  /**
   * Reads the row that starts at `from`, into the row being written of `batch`.
   * @returns the position after its line end (of CRLF, after the CR), or -1 if the row is not of this shape or not
   * all there. The batch's row is then half written, its null marks included.
   */
  scan(chunk: Uint8Array, from: number, end: number, batch: BatchBuilder): number {
    let at = this.#readDepth(chunk, from, end);
    if (at < 0) return -1;
    const delimiter = this.#delimiter;
    const columns = this.#columns;
    const { pixels } = batch;
    const nullPixels = this.#nulls.pixels;
    const last = columns - 1;
    let out = batch.count * columns;
    let missing = 0;
    let min = 256;
    let max = -1;
    for (let column = 0; ; column++) {
      // The longest plain cell and its end: four bytes that are certainly there.
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
      const plain = value <= 255 && (byte === delimiter || byte === LF || byte === CR);
      if (!plain || (nullPixels !== undefined && nullPixels[value] === 1)) {
        value = this.#readOddCell(chunk, at, end, plain ? MISSING : value, stop);
        if (value === NOT_HERE) return -1;
        stop = this.#oddEnd;
        byte = chunk[stop] as number;
      }
      at = stop + 1;
      if (value >= 0) {
        pixels[out++] = value;
        if (value < min) min = value;
        if (value > max) max = value;
      } else {
        pixels[out++] = 0;
        batch.setNull(column);
        missing++;
      }
      if (byte !== delimiter) {
        if (column < last) return -1;
        break;
      }
      if (column === last) return -1;
    }
    this.nullPixels = missing;
    this.valueMin = min;
    this.valueMax = max;
    return at;
  }

  /** Reads the depth and its delimiter; at most 15 digits are exact in an integer and in one division. */
  #readDepth(chunk: Uint8Array, from: number, end: number): number {
    let at = from;
    const negative = chunk[at] === MINUS;
    if (negative) at++;
    // Room for 15 digits and a point, then the delimiter.
    if (at + 17 > end) return -1;
    const first = at;
    let mantissa = 0;
    let decimals = 0;
    let byte = (chunk[at] as number) - ZERO;
    for (; byte >= 0 && byte <= 9 && at - first <= 15; byte = (chunk[++at] as number) - ZERO) {
      mantissa = mantissa * 10 + byte;
    }
    let digits = at - first;
    if (digits === 0) return -1;
    if (byte + ZERO === POINT) {
      const point = ++at;
      byte = (chunk[at] as number) - ZERO;
      for (; byte >= 0 && byte <= 9 && at - first <= 16; byte = (chunk[++at] as number) - ZERO) {
        mantissa = mantissa * 10 + byte;
      }
      decimals = at - point;
      digits += decimals;
    }
    if (digits > 15 || byte + ZERO !== this.#delimiter) return -1;
    // Both are exact, so that their quotient is the nearest double (Clinger 1990, the fast case).
    const depth = mantissa / (POWERS_OF_TEN[decimals] as number);
    this.depth = negative ? 0 - depth : depth;
    // A depth that is a null value is a fault, which the general path words.
    return this.#nulls.numbers.has(this.depth) ? -1 : at + 1;
  }

  /**
   * Reads a cell that isn't just a pixel's digits: empty, a null value, or digits with `.000` behind them.
   * @param value what its leading digits say, MISSING if they are a null value, 256 if there are none.
   * @param stop the first byte after those digits.
   * @returns the pixel, MISSING, or NOT_HERE; the cell's end is left in `oddEnd`.
   */
  #readOddCell(chunk: Uint8Array, from: number, end: number, value: number, stop: number): number {
    if (value === MISSING) {
      this.#oddEnd = stop;
      return MISSING;
    }
    if (this.#endsCell(chunk[from])) {
      this.#oddEnd = from;
      return MISSING;
    }
    for (const literal of this.#nulls.literals) {
      const after = from + literal.length;
      if (after >= end || !this.#endsCell(chunk[after])) continue;
      let same = 0;
      while (same < literal.length && chunk[from + same] === literal[same]) same++;
      if (same === literal.length) {
        this.#oddEnd = after;
        return MISSING;
      }
    }
    if (value > 255 || chunk[stop] !== POINT) return NOT_HERE;
    let at = stop + 1;
    while (at < end && chunk[at] === ZERO) at++;
    if (at >= end || !this.#endsCell(chunk[at])) return NOT_HERE;
    this.#oddEnd = at;
    return this.#nulls.pixels?.[value] === 1 ? MISSING : value;
  }

  #endsCell(byte: number | undefined): boolean {
    return byte === this.#delimiter || byte === LF || byte === CR;
  }
}
