import Papa from 'papaparse';

/** Maximum length of a row in bytes: enough for 10,000 columns of 100 bytes. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;

/** The position of a byte in its cell. */
const CELL_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const AFTER_QUOTE = 3;
const CLOSED = 4;

/**
 * Collects one record of a CSV (RFC 4180) at a time, from chunks that may be cut anywhere. LF, CR and CRLF each end a record
 * unless they are in quotes. A cell is quoted if its first byte is a quote; inside, `""` is a quote, and only blanks may
 * follow the closing quote.
 *
 * papaparse then splits the record into cells. It is not used to find the end of a record, because it takes quadratic time
 * for malformed or unclosed quotes and reads on into the next rows.
 */
export class RecordFinder {
  /** Offset of the first cell with malformed quotes; -1 if all are well formed. */
  malformed = -1;
  /** Whether the record is longer than `MAX_RECORD_BYTES`. */
  isTooLong = false;

  readonly #delimiters: readonly number[];
  #buffer = Buffer.alloc(16 * 1024);
  #size = 0;
  #state = CELL_START;
  #cellStart = 0;

  /** @param delimiters each of them separates cells */
  constructor(delimiters: readonly string[]) {
    this.#delimiters = delimiters.map((delimiter) => delimiter.charCodeAt(0));
  }

  /** The bytes read so far, without the line end. Valid until `reset`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  get isStarted(): boolean {
    return this.#size > 0;
  }

  /** Whether the bytes read so far end inside quotes. */
  get isInQuotes(): boolean {
    return this.#state === QUOTED;
  }

  /**
   * Reads bytes from `from` on until the record is complete.
   * @returns the position after its line end (for CRLF, after the CR), or -1 if the record continues or is too long.
   */
  read(chunk: Uint8Array, from: number): number {
    const [delimiter, second, third] = this.#delimiters;
    // One byte more than a record may have: it can be the line end.
    const stop = Math.min(chunk.length, from + MAX_RECORD_BYTES + 1 - this.#size);
    const before = this.#size - from;
    let state = this.#state;
    let at = from;
    for (; at < stop; at++) {
      const byte = chunk[at] as number;
      if (state === QUOTED) {
        if (byte === QUOTE) state = AFTER_QUOTE;
      } else if (byte === delimiter || byte === second || byte === third) {
        state = CELL_START;
        this.#cellStart = before + at + 1;
      } else if (byte === LF || byte === CR) {
        this.#state = state;
        this.#append(chunk, from, at);
        return at + 1;
      } else if (byte === QUOTE && (state === CELL_START || state === AFTER_QUOTE)) {
        state = QUOTED;
      } else if (state < AFTER_QUOTE) {
        state = UNQUOTED;
      } else if (byte === SPACE || byte === TAB) {
        state = CLOSED;
      } else {
        // Reading the rest as unquoted text keeps the fault in its row.
        state = UNQUOTED;
        this.#spoil();
      }
    }
    this.#state = state;
    this.#append(chunk, from, stop);
    this.isTooLong = this.#size > MAX_RECORD_BYTES;
    return -1;
  }

  /** Ends the last record of a file, which has no line end. */
  finish(): void {
    if (this.isInQuotes) this.#spoil();
  }

  reset(): void {
    this.malformed = -1;
    this.#size = 0;
    this.#state = CELL_START;
    this.#cellStart = 0;
  }

  #spoil(): void {
    if (this.malformed < 0) this.malformed = this.#cellStart;
  }

  #append(chunk: Uint8Array, from: number, to: number): void {
    const size = this.#size + to - from;
    if (size > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.bytes], Math.max(size, 2 * this.#buffer.length));
    }
    this.#buffer.set(chunk.subarray(from, to), this.#size);
    this.#size = size;
  }
}

/** A function that splits a record with well-formed quotes into its cells, without their quotes. */
export function createSplitter(delimiter: string): (record: string) => string[] {
  const parser = new Papa.Parser({ delimiter, newline: '\n', preview: 1 });
  // Without a line end, papaparse would take blanks after the last closing quote for a fault.
  return (record) => parser.parse(`${record}\n`, 0, false).data[0];
}
