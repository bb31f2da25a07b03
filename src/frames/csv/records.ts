import { AppError } from '../../core/errors.ts';
import { parameterFault, Words } from '../../core/faults.ts';

/** The longest row, in bytes, that is read. 10,000 columns of 100 bytes fit; a file without line ends does not. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const QUOTE = 34;
const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;

const CELL_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const AFTER_QUOTE = 3;
const CLOSED = 4;

/**
 * Splits CSV bytes (RFC 4180, as papaparse reads them) into the cells of one record at a time, byte by byte, so that a
 * record may be cut anywhere between chunks. A cell is quoted where a quote is its very first byte; inside, `""` is a
 * quote, and delimiters and line ends are text. LF, CR and CRLF each end a record.
 *
 * After `read` says that a record is complete, its cells are `text` from the previous end to `ends[i]`, until `reset`.
 */
export class RecordReader {
  text = new Uint8Array(16 * 1024);
  /** End offset in `text` of each cell kept; a row has no more cells of interest than `maxCells`. */
  readonly ends: Int32Array;
  /** Cells of the record, also those past `maxCells`. */
  cells = 0;
  /** Index of the first cell whose quotes are malformed, -1 where there is none. */
  malformed = -1;
  /** Whether every cell is empty or blank. */
  blank = true;
  /** Line ends inside quotes. */
  innerLines = 0;
  /** Set where the record ended with CR: a LF that comes next belongs to it. */
  endedWithCr = false;
  /** Whether part of a record has been read. */
  started = false;

  private readonly delimiter: number;
  /** Bytes of `text` in use, and bytes of the file taken for them. */
  private length = 0;
  private size = 0;
  private state = CELL_START;

  constructor(delimiter: number, maxCells: number) {
    this.delimiter = delimiter;
    this.ends = new Int32Array(maxCells);
  }

  /** Whether the bytes so far end inside quotes. */
  get inQuotes(): boolean {
    return this.state === QUOTED;
  }

  /**
   * Takes bytes `from` to `end` of a chunk until the record is complete.
   * @returns the position after the record, or -1 where all was taken and the record goes on.
   * @throws AppError `validation_failed` for a record longer than `MAX_RECORD_BYTES`.
   */
  read(chunk: Uint8Array, from: number, end: number): number {
    this.started = true;
    const stop = Math.min(end, from + MAX_RECORD_BYTES - this.size);
    // One check for the whole chunk instead of one for each byte.
    this.reserve(stop - from);
    const { text, delimiter } = this;
    let { length, state, blank } = this;
    let at = from;
    for (; at < stop; at++) {
      const byte = chunk[at] as number;
      if (state === QUOTED) {
        if (byte === QUOTE) {
          state = AFTER_QUOTE;
          continue;
        }
        if (byte === CR || (byte === LF && text[length - 1] !== CR)) this.innerLines++;
      } else if (byte === delimiter) {
        this.endCell(length);
        state = CELL_START;
        continue;
      } else if (byte === LF || byte === CR) {
        this.endCell(length);
        this.endedWithCr = byte === CR;
        this.blank = blank;
        this.length = length;
        return at + 1;
      } else if (byte === QUOTE) {
        if (state === CELL_START) {
          state = QUOTED;
          continue;
        }
        if (state === AFTER_QUOTE) state = QUOTED;
        if (state === CLOSED) state = this.spoil();
      } else if (state >= AFTER_QUOTE) {
        if (byte === SPACE || byte === TAB) {
          state = CLOSED;
          continue;
        }
        state = this.spoil();
      } else {
        state = UNQUOTED;
      }
      blank &&= byte === SPACE || byte === TAB;
      text[length++] = byte;
    }
    this.blank = blank;
    this.length = length;
    this.state = state;
    this.size += stop - from;
    if (stop < end) throw tooLong(state === QUOTED);
    return -1;
  }

  /** Ends a last record that has no line end. */
  finish(): void {
    if (this.state === QUOTED) this.spoil();
    this.endCell(this.length);
  }

  /** Makes ready for the next record. */
  reset(): void {
    this.cells = 0;
    this.malformed = -1;
    this.blank = true;
    this.innerLines = 0;
    this.started = false;
    this.length = 0;
    this.size = 0;
    this.state = CELL_START;
  }

  /** Start offset of a cell. */
  cellStart(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number);
  }

  /** A cell as text. */
  cellText(index: number): string {
    return Buffer.from(this.text.subarray(this.cellStart(index), this.ends[index])).toString();
  }

  /** Notes malformed quotes, and reads on as unquoted text: the fault stays in its row. */
  private spoil(): number {
    if (this.malformed < 0) this.malformed = this.cells;
    return UNQUOTED;
  }

  private endCell(length: number): void {
    if (this.cells < this.ends.length) this.ends[this.cells] = length;
    this.cells++;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.text.length) return;
    const text = new Uint8Array(Math.max(this.length + bytes, 2 * this.text.length));
    text.set(this.text.subarray(0, this.length));
    this.text = text;
  }
}

function tooLong(inQuotes: boolean): AppError {
  return new AppError(
    'validation_failed',
    `A row of the CSV is longer than ${MAX_RECORD_BYTES} bytes, ${inQuotes ? 'because a quote is not closed' : 'the most that is read'}.`,
    {
      errors: [
        parameterFault('/file', `rows of at most ${MAX_RECORD_BYTES} bytes`, new Words('a longer one')),
      ],
    },
  );
}
