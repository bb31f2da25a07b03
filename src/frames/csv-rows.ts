import type { BatchBuilder } from './batches.ts';
import { isBlankCell, MAX_DEPTH, NOT_WHOLE, OUT_OF_RANGE, parseDepth, parsePixel } from './csv-cells.ts';
import { clip, type Header } from './csv-header.ts';
import { RecordReader } from './csv-records.ts';
import type { CellFaultCode, FaultLog } from './faults.ts';
import { isNullCell, isNullDepth, type NullValues } from './null-values.ts';

/** Where a row stands in its file, both counted from 1. */
export interface RowPosition {
  /** After the header. */
  row: number;
  line: number;
}

/** Reads rows by the whole grammar: any order of columns, quotes, blanks, null values, and every fault by its place. */
export class RowReader {
  /** Splits the bytes; the caller feeds and resets it. */
  readonly record: RecordReader;
  /** Of the row that `readRow` kept. */
  depth = 0;
  nullPixels = 0;
  /** 256 where every pixel is missing. */
  valueMin = 256;
  /** -1 where every pixel is missing. */
  valueMax = -1;

  private readonly header: Header;
  private readonly nulls: NullValues;
  private readonly faults: FaultLog;
  private readonly decimalComma: boolean;

  constructor(header: Header, nulls: NullValues, faults: FaultLog) {
    this.header = header;
    this.nulls = nulls;
    this.faults = faults;
    this.decimalComma = header.delimiter === ';';
    this.record = new RecordReader(header.delimiter.charCodeAt(0), header.names.length);
  }

  /**
   * Turns the record just read into the row being written of `batch`.
   * @returns whether it is a row: false where it is empty or has faults, which are logged.
   */
  readRow(batch: BatchBuilder, position: RowPosition): 'kept' | 'empty' | 'bad' {
    const { record, header, faults } = this;
    if (record.blank && record.malformed < 0) return 'empty';
    const before = faults.total;
    if (record.malformed >= 0) {
      this.addFault('bad_quotes', record.malformed, position, 'has malformed or unclosed quotes.');
    } else if (record.cells !== header.names.length) {
      this.addRaggedFault(position);
    } else {
      this.readCells(batch, position);
    }
    return faults.total === before ? 'kept' : 'bad';
  }

  private readCells(batch: BatchBuilder, position: RowPosition): void {
    const { header, nulls, decimalComma } = this;
    const { text, ends } = this.record;
    const offset = batch.count * header.columns;
    this.nullPixels = 0;
    this.valueMin = 256;
    this.valueMax = -1;
    let start = 0;
    for (let cell = 0; cell < header.names.length; cell++) {
      const end = ends[cell] as number;
      const pixel = header.pixels[cell] as number;
      if (pixel < 0) {
        this.depth = this.readDepth(cell, start, end, position);
      } else {
        const code = parsePixel(text, start, end, decimalComma);
        const missing =
          code >= 0
            ? nulls.pixels?.[code] === 1
            : isBlankCell(text, start, end) || isNullCell(nulls, text, start, end, code, decimalComma);
        batch.pixels[offset + pixel] = missing || code < 0 ? 0 : code;
        if (missing) {
          batch.setNull(pixel);
          this.nullPixels++;
        } else if (code < 0) {
          this.addPixelFault(code, cell, position);
        } else {
          if (code < this.valueMin) this.valueMin = code;
          if (code > this.valueMax) this.valueMax = code;
        }
      }
      start = end;
    }
  }

  private readDepth(cell: number, start: number, end: number, position: RowPosition): number {
    const { text } = this.record;
    const depth = parseDepth(text, start, end, this.decimalComma);
    if (isBlankCell(text, start, end)) {
      this.addFault('null_depth', cell, position, 'is empty; expected a depth.');
    } else if (Number.isNaN(depth)) {
      this.addFault('bad_depth', cell, position, 'is not a number; expected a depth as a decimal number.');
    } else if (Math.abs(depth) > MAX_DEPTH) {
      this.addFault(
        'depth_too_large',
        cell,
        position,
        `is too large; expected a depth from -${MAX_DEPTH} to ${MAX_DEPTH}.`,
      );
    } else if (isNullDepth(this.nulls, depth)) {
      this.addFault('null_depth', cell, position, 'is a null value; expected a depth.');
    }
    return depth;
  }

  private addPixelFault(code: number, cell: number, position: RowPosition): void {
    if (code === NOT_WHOLE) {
      this.addFault('not_whole', cell, position, 'is not a whole number; expected 0 to 255.');
    } else if (code === OUT_OF_RANGE) {
      this.addFault('out_of_range', cell, position, 'is out of range; expected 0 to 255.');
    } else {
      this.addFault('bad_number', cell, position, 'is not a number; expected a whole number from 0 to 255.');
    }
  }

  private addFault(code: CellFaultCode, cell: number, { row, line }: RowPosition, problem: string): void {
    // Text for faults that nobody will see would make a file of nothing but faults slow.
    if (!this.faults.listing) {
      this.faults.count(1);
      return;
    }
    const column = this.header.names[cell] ?? null;
    const value = cell < this.record.ends.length ? clip(this.record.cellText(cell)) : null;
    const where = column === null ? `cell ${cell + 1}` : `column ${clip(column)}`;
    const shown = value === null ? 'the text' : JSON.stringify(value);
    const message = `Row ${row} (line ${line}), ${where}: ${shown} ${problem}`;
    this.faults.add({ code, row, line, column, value, message });
  }

  private addRaggedFault({ row, line }: RowPosition): void {
    const { cells } = this.record;
    const has = cells === 1 ? '1 cell' : `${cells} cells`;
    const message = `Row ${row} (line ${line}) has ${has}; expected ${this.header.names.length} as in the header.`;
    this.faults.add({ code: 'ragged_row', row, line, column: null, value: null, message });
  }
}
