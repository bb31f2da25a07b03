import { type QualityReport, QualityTracker } from '../rows/quality.ts';
import { BatchBuilder, type FrameBatch } from './batches.ts';
import { isBlankCell } from './cells.ts';
import { DELIMITERS, type Delimiter } from './delimiters.ts';
import { type CellFault, csvError, FaultLog } from './faults.ts';
import { RecordFinder } from './find-record.ts';
import {
  announcedDelimiter,
  checkSignature,
  fileError,
  type Header,
  type HeaderOptions,
  headerTooLong,
  parseHeader,
  SIGNATURE_BYTES,
} from './header.ts';
import { compileNullValues, DEFAULT_NULL_VALUES, type NullValues } from './null-values.ts';
import { FastRowScanner } from './plain-rows.ts';
import { RowReader, rowTooLong } from './rows.ts';

const LF = 10;
const CR = 13;

export interface ImageLogOptions extends HeaderOptions {
  /** Marks of missing pixels besides the empty cell. */
  nullValues?: readonly string[] | undefined;
  /** Whether a row with a fault fails the file (once all faults are counted) or is skipped. */
  onError?: 'fail' | 'skip' | undefined;
  /** Maximum rows of a batch; wide rows make smaller ones. */
  batchRows?: number | undefined;
}

/** What is known of a log once it is read. */
export interface ImageLogSummary {
  delimiter: Delimiter;
  /** Pixels per row. */
  columns: number;
  /** The unit of the depths that the header or the row below it states. */
  depthUnit: string | null;
  /** Most decimals that a depth is written with. */
  depthDecimals: number;
  quality: QualityReport;
  /** The first 100 faults; with `onError: 'skip'`, those of skipped rows. */
  faults: readonly CellFault[];
  fault_total: number;
}

/** What is needed to read rows, once the header is known. */
interface Table {
  header: Header;
  reader: RowReader;
  fast: FastRowScanner | undefined;
  batch: BatchBuilder;
}

/**
 * Reads an image log, a CSV of depths and grey levels (docs/image-logs.md has the rules), chunk by chunk in constant
 * memory: one row, one batch, and the rows of a chunk.
 *
 * Call `push` for each chunk, then `end`; both return the batches that became full. If a fault fails the file, no more
 * batches are returned, and `end` throws with all faults. After an error, the parser cannot be used again.
 */
export class ImageLogParser {
  readonly #options: ImageLogOptions;
  readonly #nulls: NullValues;
  readonly #quality = new QualityTracker();
  readonly #faults = new FaultLog();

  /** The first bytes, until they are enough to check the signature. */
  #head: Buffer | undefined = Buffer.alloc(0);
  /** The record that is being read; the first one that is not blank is the header. */
  #record: RecordFinder;
  #table: Table | undefined;
  /** Whether a CR has just ended a line: a LF after it belongs to it. */
  #afterCr = false;
  /** The next line and row. */
  readonly #position = { line: 1, row: 1 };
  #full: FrameBatch[] = [];
  /** Announced by a line before the header. */
  #delimiter: Delimiter | undefined;
  #depthUnit: string | undefined;
  #depthDecimals = 0;
  /** Whether the next record is the first one below the header. */
  #isBelowHeader = false;

  /** @throws AppError `validation_failed` for null values that cannot be used */
  constructor(options: ImageLogOptions = {}) {
    this.#options = options;
    this.#nulls = compileNullValues(options.nullValues ?? DEFAULT_NULL_VALUES);
    this.#record = new RecordFinder(options.delimiter === undefined ? DELIMITERS : [options.delimiter]);
  }

  /** Whether a fault has failed the file, so that its stored rows can be discarded before the rest is read. */
  get failed(): boolean {
    return this.#options.onError !== 'skip' && this.#faults.total > 0;
  }

  /**
   * Reads the next bytes of the file. They are not kept: the caller may reuse the chunk.
   * @returns the batches that became full
   * @throws AppError `unsupported_media_type` if the file is not text; `validation_failed` if the header is not that of an
   *   image log, or a row is longer than 1 MiB
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
   * @returns the last batches
   * @throws AppError as `push`; `validation_failed` with the faults, or if there are no rows
   */
  end(): FrameBatch[] {
    if (this.#head !== undefined) this.#start(this.#head);
    if (this.#record.isStarted) {
      this.#record.finish();
      this.#acceptRecord();
    }
    if (!this.#table) throw fileError('The file is empty: expected a CSV with a header and rows.');
    if (this.failed || (this.#quality.rows === 0 && this.#faults.total > 0)) throw csvError(this.#faults);
    if (this.#quality.rows === 0) throw fileError('The CSV has a header but no rows with values.');
    const last = this.#table.batch.take();
    if (last) this.#full.push(last);
    return this.#takeFull();
  }

  /** Complete after `end`. */
  summary(): ImageLogSummary {
    if (this.#table === undefined) throw new Error('The header has not been read.');
    const { delimiter, columns } = this.#table.header;
    return {
      delimiter,
      columns,
      depthUnit: this.#depthUnit ?? null,
      depthDecimals: this.#depthDecimals,
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
        if (this.#record.isTooLong) {
          throw this.#table ? rowTooLong(this.#record.isInQuotes) : headerTooLong();
        }
        if (next < 0) return;
        this.#acceptRecord();
      }
      at = next;
      this.#afterCr = chunk[at - 1] === CR;
    }
  }

  /** @returns the position after the row that starts at `from`, or -1 if it is not for the fast scanner */
  #readPlainRow(chunk: Uint8Array, from: number): number {
    const { fast, batch } = this.#table ?? {};
    if (fast === undefined || batch === undefined) return -1;
    const next = fast.scan(chunk, from, batch);
    if (next < 0) {
      batch.clearNulls();
      return -1;
    }
    this.#keepRow(batch);
    this.#isBelowHeader = false;
    this.#position.line++;
    return next;
  }

  #acceptRecord(): void {
    const record = this.#record;
    const { bytes } = record;
    if (this.#table) this.#acceptRow(this.#table);
    else if (!isBlankCell(bytes.toString())) this.#acceptHead(bytes);
    this.#position.line += 1 + countLineEnds(bytes);
    record.reset();
  }

  /** Accepts the header, or the line before it that announces the delimiter. */
  #acceptHead(bytes: Buffer): void {
    const announced = this.#delimiter === undefined ? announcedDelimiter(bytes) : undefined;
    if (announced === undefined) this.#openTable();
    else this.#delimiter = announced;
  }

  #openTable(): void {
    const { delimiter: given = this.#delimiter, depthColumn } = this.#options;
    const header = parseHeader(this.#record, { delimiter: given, depthColumn });
    const { delimiter, columns, emptyCells } = header;
    this.#depthUnit = header.depthUnit;
    this.#isBelowHeader = true;
    this.#table = {
      header,
      reader: new RowReader(header, this.#nulls, this.#faults, this.#position),
      fast: header.classic ? new FastRowScanner(delimiter.charCodeAt(0), this.#nulls, emptyCells) : undefined,
      batch: new BatchBuilder(columns, this.#options.batchRows),
    };
    this.#record = new RecordFinder([delimiter]);
  }

  #acceptRow({ reader, batch }: Table): void {
    if (this.#isBelowHeader) {
      this.#isBelowHeader = false;
      const units = reader.readUnits(this.#record);
      if (units !== undefined) {
        this.#depthUnit ??= units.depth;
        return;
      }
    }
    const result = reader.readRow(this.#record, batch);
    if (result === 'kept') {
      this.#keepRow(batch);
      return;
    }
    batch.clearNulls();
    if (result === 'empty') this.#quality.emptyRows++;
    else this.#faults.rows++;
    this.#position.row++;
  }

  #keepRow(batch: BatchBuilder): void {
    const row = this.#position.row++;
    if (batch.depthDecimals > this.#depthDecimals) this.#depthDecimals = batch.depthDecimals;
    this.#quality.add(row, batch);
    const full = batch.commit(row);
    if (full) this.#full.push(full);
  }

  #takeFull(): FrameBatch[] {
    const full = this.#full;
    this.#full = [];
    return this.failed ? [] : full;
  }
}

/** The number of line ends inside a record, which are in quotes. */
function countLineEnds(record: Buffer): number {
  if (!record.includes(LF) && !record.includes(CR)) return 0;
  return record.toString('latin1').match(/\r\n?|\n/g)?.length ?? 0;
}
