import { type QualityReport, QualityTracker } from '../rows/quality.ts';
import { BatchBuilder, type FrameBatch } from './batches.ts';
import { type CellFault, FaultLog, faultsError } from './faults.ts';
import {
  checkSignature,
  type Delimiter,
  fileError,
  type Header,
  HeaderReader,
  parseHeader,
  SIGNATURE_BYTES,
} from './header.ts';
import { compileNullValues, DEFAULT_NULL_VALUES, type NullValues } from './null-values.ts';
import { FastRowScanner } from './plain-rows.ts';

import { RowReader } from './rows.ts';

const LF = 10;

export interface ImageLogOptions {
  /** What separates cells; found from the header where not given. */
  delimiter?: Delimiter | undefined;
  /** Marks of missing pixels besides the empty cell. */
  nullValues?: readonly string[] | undefined;
  /** Whether a row with a fault fails the file (after all faults are counted) or is left out. */
  onError?: 'fail' | 'skip' | undefined;
  /** Rows of a batch at most; fewer where rows are wide. */
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
 * `push` each chunk, then `end`; each gives the batches that became full. Where rows fail the file, no more batches
 * come after the first fault, and `end` throws with all faults. After a throw, the parser is done for.
 */
export class ImageLogParser {
  private readonly options: ImageLogOptions;
  private readonly nulls: NullValues;
  private readonly skipFaults: boolean;
  private readonly quality = new QualityTracker();
  private readonly faults = new FaultLog();

  /** The first bytes, until there are enough to tell what the file is. */
  private head: Buffer | undefined = Buffer.alloc(0);
  private readonly headerReader = new HeaderReader();
  private table: Table | undefined;
  /** A CR has just ended a line: a LF that follows belongs to it. */
  private afterCr = false;
  /** Line of the file and row after the header that come next, both counted from 1. */
  private readonly position = { line: 1, row: 1 };
  private full: FrameBatch[] = [];

  /** @throws AppError `validation_failed` for null values that can't be used. */
  constructor(options: ImageLogOptions = {}) {
    this.options = options;
    this.nulls = compileNullValues(options.nullValues ?? DEFAULT_NULL_VALUES);
    this.skipFaults = options.onError === 'skip';
  }

  /** The header, once it is read. */
  get header(): Header | undefined {
    return this.table?.header;
  }

  /** Whether a fault has failed the file: what was stored of it can be given up before the rest is read. */
  get failed(): boolean {
    return !this.skipFaults && this.faults.total > 0;
  }

  /** Rows kept so far. */
  get rows(): number {
    return this.quality.rows;
  }

  /**
   * Takes the next bytes of the file. They are not kept: the caller may reuse the chunk.
   * @returns the batches that they completed.
   * @throws AppError `unsupported_media_type` for a file that isn't text; `validation_failed` for a header that isn't
   * an image log's, or a row of more than 1 MiB.
   */
  push(chunk: Uint8Array): FrameBatch[] {
    if (this.head === undefined) {
      this.consume(chunk);
    } else {
      this.head = Buffer.concat([this.head, chunk]);
      if (this.head.length >= SIGNATURE_BYTES) this.start(this.head);
    }
    return this.takeFull();
  }

  /**
   * Ends the file.
   * @returns the last batches.
   * @throws AppError as `push`, and `validation_failed` with the faults, or where no row is left.
   */
  end(): FrameBatch[] {
    if (this.head !== undefined) this.start(this.head);
    this.table ??= this.openTable();
    const { record } = this.table.reader;
    if (record.started) {
      record.finish();
      this.acceptRecord(this.table);
    }
    if (this.failed || (this.quality.rows === 0 && this.faults.total > 0)) throw faultsError(this.faults);
    if (this.quality.rows === 0) throw fileError('The CSV has a header but no rows with values.');
    this.keep(this.table.batch.take());
    return this.takeFull();
  }

  /** What was read; complete after `end`. */
  summary(): ImageLogSummary {
    const { table } = this;
    if (table === undefined) throw new Error('The header has not been read.');
    return {
      delimiter: table.header.delimiter,
      columns: table.header.columns,
      quality: this.quality.report(this.faults.rows),
      faults: this.faults.listed,
      fault_total: this.faults.total,
    };
  }

  private start(head: Buffer): void {
    this.head = undefined;
    this.consume(head.subarray(checkSignature(head)));
  }

  private consume(chunk: Uint8Array): void {
    let at = 0;
    if (this.table === undefined) {
      at = this.headerReader.read(chunk);
      if (at < 0) return;
      this.table = this.openTable();
    }
    this.readRows(this.table, chunk, at);
  }

  private openTable(): Table {
    const bytes = this.headerReader.finish();
    if (bytes.length === 0) throw fileError('The file is empty: expected a CSV with a header and rows.');
    const header = parseHeader(bytes, this.options.delimiter);
    this.afterCr = this.headerReader.afterCr;
    this.position.line += this.headerReader.lines;
    const useFast = header.classic && this.options.fastPath !== false;
    return {
      header,
      reader: new RowReader(header, this.nulls, this.faults),
      fast: useFast
        ? new FastRowScanner(header.columns, header.delimiter.charCodeAt(0), this.nulls)
        : undefined,
      batch: new BatchBuilder(header.columns, this.options.batchRows),
    };
  }

  private readRows(table: Table, chunk: Uint8Array, from: number): void {
    const { fast, batch } = table;
    const { record } = table.reader;
    const end = chunk.length;
    let at = from;
    while (at < end) {
      if (this.afterCr) {
        this.afterCr = false;
        if (chunk[at] === LF) {
          at++;
          continue;
        }
      }
      if (fast !== undefined && !record.started) {
        const next = fast.scan(chunk, at, end, batch);
        if (next > 0) {
          at = next;
          this.afterCr = fast.endedWithCr;
          this.keepRow(batch, fast);
          this.position.line++;
          this.position.row++;
          continue;
        }
        batch.clearNulls();
      }
      const next = record.read(chunk, at, end);
      if (next < 0) return;
      at = next;
      this.afterCr = record.endedWithCr;
      this.acceptRecord(table);
    }
  }

  private acceptRecord({ reader, batch }: Table): void {
    const result = reader.readRow(batch, this.position);
    if (result === 'kept') this.keepRow(batch, reader);
    else batch.clearNulls();
    if (result === 'empty') this.quality.emptyRows++;
    if (result === 'bad') this.faults.rows++;
    this.position.line += 1 + reader.record.innerLines;
    this.position.row++;
    reader.record.reset();
  }

  private keepRow(batch: BatchBuilder, { depth, nullPixels, valueMin, valueMax }: RowFacts): void {
    this.quality.addDepth(depth, this.position.row);
    this.quality.addPixels(nullPixels, valueMin, valueMax);
    this.keep(batch.commit(this.position.row, depth));
  }

  private keep(batch: FrameBatch | undefined): void {
    if (batch !== undefined && !this.failed) this.full.push(batch);
  }

  private takeFull(): FrameBatch[] {
    const full = this.failed ? [] : this.full;
    this.full = [];
    return full;
  }
}
