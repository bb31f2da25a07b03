import type { AppError } from '../../core/errors.ts';
import { type QualityReport, QualityTracker } from '../rows/quality.ts';
import { BatchBuilder, type FrameBatch } from './batches.ts';
import { isBlankCell } from './cells.ts';
import { type CellFault, FaultLog, faultsError } from './faults.ts';
import { RecordFinder } from './find-record.ts';
import {
  checkSignature,
  DELIMITERS,
  type Delimiter,
  fileError,
  type Header,
  headerTooLong,
  parseHeader,
  SIGNATURE_BYTES,
} from './header.ts';
import { compileNullValues, DEFAULT_NULL_VALUES, type NullValues } from './null-values.ts';
import { FastRowScanner } from './plain-rows.ts';

import { RowReader, rowTooLong } from './rows.ts';

const LF = 10;
const CR = 13;

export interface ImageLogOptions {
  /** What separates cells; found from the header if not given. */
  delimiter?: Delimiter | undefined;
  /** Marks of missing pixels besides the empty cell. */
  nullValues?: readonly string[] | undefined;
  /** Whether a row with a fault fails the file (after all faults are counted) or is left out. */
  onError?: 'fail' | 'skip' | undefined;
  /** Rows of a batch at most; fewer if rows are wide. */
  batchRows?: number | undefined;
  /** Off: every row takes the general path. For tests that hold both paths equal. */
  fastPath?: boolean | undefined;
}

/** What is known once a log is read. */
export interface ImageLogSummary {
  delimiter: Delimiter;
  /** Pixels of a row. */
  columns: number;
  quality: QualityReport;
  /** The first 100 faults; those of skipped rows, with `onError: 'skip'`. */
  faults: readonly CellFault[];
  fault_total: number;
}

/** What a header makes possible. */
interface Table {
  header: Header;
  reader: RowReader;
  fast: FastRowScanner | undefined;
  batch: BatchBuilder;
}

/** What is known of a row that is kept, besides its pixels. */
interface RowFacts {
  depth: number;
  nullPixels: number;
  valueMin: number;
  valueMax: number;
}

/**
 * Reads an image log, a CSV of a depth and grey levels (docs/image-logs.md has the rules), chunk by chunk in
 * constant memory: at most one row of 1 MiB, one batch of 256 KiB, and what a chunk itself yields.
 *
 * `push` each chunk, then `end`; each gives the batches that became full. If rows fail the file, no more batches
 * come after the first fault, and `end` throws with all faults. After a throw, the parser is done for.
 */
export class ImageLogParser {
  readonly #options: ImageLogOptions;
  readonly #nulls: NullValues;
  readonly #skipFaults: boolean;
  readonly #quality = new QualityTracker();
  readonly #faults = new FaultLog();

  /** The first bytes, until there are enough to tell what the file is. */
  #head: Buffer | undefined = Buffer.alloc(0);
  /** The record that the general path is at; the first one that is not blank is the header. */
  #record: RecordFinder;
  #table: Table | undefined;
  /** A CR has just ended a line: a LF that follows belongs to it. */
  #afterCr = false;
  /** Line of the file and row after the header that come next, both counted from 1. */
  readonly #position = { line: 1, row: 1 };
  #full: FrameBatch[] = [];

  /** @throws AppError `validation_failed` for null values that can't be used. */
  constructor(options: ImageLogOptions = {}) {
    this.#options = options;
    this.#nulls = compileNullValues(options.nullValues ?? DEFAULT_NULL_VALUES);
    this.#skipFaults = options.onError === 'skip';
    this.#record = new RecordFinder(options.delimiter === undefined ? DELIMITERS : [options.delimiter]);
  }

  /** Whether a fault has failed the file: what was stored of it can be given up before the rest is read. */
  get failed(): boolean {
    return !this.#skipFaults && this.#faults.total > 0;
  }

  /**
   * Takes the next bytes of the file. They are not kept: the caller may reuse the chunk.
   * @returns the batches that they completed.
   * @throws AppError `unsupported_media_type` for a file that isn't text; `validation_failed` for a header that isn't
   * an image log's, or a row of more than 1 MiB.
   */
  push(chunk: Uint8Array): FrameBatch[] {
    if (this.#head === undefined) {
      this.#consume(chunk);
    } else {
      this.#head = Buffer.concat([this.#head, chunk]);
      if (this.#head.length >= SIGNATURE_BYTES) this.#start(this.#head);
    }
    return this.#takeFull();
  }

  /**
   * Ends the file.
   * @returns the last batches.
   * @throws AppError as `push`, and `validation_failed` with the faults, or if no row is left.
   */
  end(): FrameBatch[] {
    if (this.#head !== undefined) this.#start(this.#head);
    if (this.#record.isStarted) {
      this.#record.finish();
      this.#acceptRecord();
    }
    if (this.#table === undefined) {
      throw fileError('The file is empty: expected a CSV with a header and rows.');
    }
    if (this.failed || (this.#quality.rows === 0 && this.#faults.total > 0)) throw faultsError(this.#faults);
    if (this.#quality.rows === 0) throw fileError('The CSV has a header but no rows with values.');
    this.#keep(this.#table.batch.take());
    return this.#takeFull();
  }

  /** What was read; complete after `end`. */
  summary(): ImageLogSummary {
    if (this.#table === undefined) throw new Error('The header has not been read.');
    const { delimiter, columns } = this.#table.header;
    return {
      delimiter,
      columns,
      quality: this.#quality.report(this.#faults.rows),
      faults: this.#faults.listed,
      fault_total: this.#faults.total,
    };
  }

  #start(head: Buffer): void {
    this.#head = undefined;
    this.#consume(head.subarray(checkSignature(head)));
  }

  #consume(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#afterCr) {
        this.#afterCr = false;
        if (chunk[at] === LF) {
          at++;
          continue;
        }
      }
      let next = this.#record.isStarted ? -1 : this.#readPlainRow(chunk, at);
      if (next < 0) {
        next = this.#record.read(chunk, at);
        if (this.#record.isTooLong) throw this.#tooLong();
        if (next < 0) return;
        this.#acceptRecord();
      }
      at = next;
      this.#afterCr = chunk[at - 1] === CR;
    }
  }

  /** @returns the position after the row that starts at `from`, or -1 if it is not for the fast path. */
  #readPlainRow(chunk: Uint8Array, from: number): number {
    const { fast, batch } = this.#table ?? {};
    if (fast === undefined || batch === undefined) return -1;
    const next = fast.scan(chunk, from, chunk.length, batch);
    if (next < 0) {
      batch.clearNulls();
      return -1;
    }
    this.#keepRow(batch, fast);
    this.#position.line++;
    this.#position.row++;
    return next;
  }

  #acceptRecord(): void {
    const record = this.#record;
    const { bytes } = record;
    if (this.#table !== undefined) this.#acceptRow(this.#table);
    else if (!isBlankCell(bytes.toString())) this.#openTable();
    this.#position.line += 1 + countLineEnds(bytes);
    record.reset();
  }

  #openTable(): void {
    const header = parseHeader(this.#record, this.#options.delimiter);
    const { delimiter, columns } = header;
    const isPlain = header.classic && this.#options.fastPath !== false;
    this.#table = {
      header,
      reader: new RowReader(header, this.#nulls, this.#faults),
      fast: isPlain ? new FastRowScanner(columns, delimiter.charCodeAt(0), this.#nulls) : undefined,
      batch: new BatchBuilder(columns, this.#options.batchRows),
    };
    this.#record = new RecordFinder([delimiter]);
  }

  #acceptRow({ reader, batch }: Table): void {
    const result = reader.readRow(this.#record, batch, this.#position);
    if (result === 'kept') this.#keepRow(batch, reader);
    else batch.clearNulls();
    if (result === 'empty') this.#quality.emptyRows++;
    if (result === 'bad') this.#faults.rows++;
    this.#position.row++;
  }

  #keepRow(batch: BatchBuilder, { depth, nullPixels, valueMin, valueMax }: RowFacts): void {
    this.#quality.addDepth(depth, this.#position.row);
    this.#quality.addPixels(nullPixels, valueMin, valueMax);
    this.#keep(batch.commit(this.#position.row, depth));
  }

  #keep(batch: FrameBatch | undefined): void {
    if (batch !== undefined && !this.failed) this.#full.push(batch);
  }

  #takeFull(): FrameBatch[] {
    const full = this.failed ? [] : this.#full;
    this.#full = [];
    return full;
  }

  #tooLong(): AppError {
    return this.#table === undefined ? headerTooLong() : rowTooLong(this.#record.isInQuotes);
  }
}

/** Line ends inside quotes: those of a record that stand in it. */
function countLineEnds(record: Buffer): number {
  if (!record.includes(LF) && !record.includes(CR)) return 0;
  return record.toString('latin1').match(/\r\n?|\n/g)?.length ?? 0;
}
