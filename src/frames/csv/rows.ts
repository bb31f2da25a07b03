import { mismatch } from '../../core/faults.ts';
import { MAX_DEPTH } from '../rows/row.ts';
import type { BatchBuilder } from './batches.ts';
import { isBlankCell, NOT_WHOLE, OUT_OF_RANGE, parseDepth, parsePixel } from './cells.ts';
import type { CellFault, CellFaultCode, FaultLog } from './faults.ts';
import { clip, type Header } from './header.ts';
import { isNullCell, isNullDepth, type NullValues } from './null-values.ts';
import { RecordReader } from './records.ts';

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
      this.addQuotesFault(record.malformed, position);
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
      this.addFault('null_depth', cell, position, 'a number');
    } else if (Number.isNaN(depth)) {
      this.addFault('bad_depth', cell, position, 'a decimal number');
    } else if (Math.abs(depth) > MAX_DEPTH) {
      this.addFault('depth_too_large', cell, position, `a number from -${MAX_DEPTH} to ${MAX_DEPTH}`);
    } else if (isNullDepth(this.nulls, depth)) {
      this.addFault('null_depth', cell, position, 'a number that is not a null value');
    }
    return depth;
  }

  private addPixelFault(code: number, cell: number, position: RowPosition): void {
    const name = code === NOT_WHOLE ? 'not_whole' : code === OUT_OF_RANGE ? 'out_of_range' : 'bad_number';
    this.addFault(name, cell, position, 'an integer from 0 to 255');
  }

  private addFault(code: CellFaultCode, cell: number, position: RowPosition, expected: string): void {
    this.faults.add(() => {
      const column = this.header.names[cell] as string;
      const value = clip(this.record.cellText(cell));
      return describe(code, position, column, value, mismatch(clip(column), expected, value));
    });
  }

  /** The cell may be one that the header has no name for; its text is not kept then. */
  private addQuotesFault(cell: number, position: RowPosition): void {
    this.faults.add(() => {
      const column = this.header.names[cell] ?? null;
      const value = column === null ? null : clip(this.record.cellText(cell));
      const where = column === null ? `cell ${cell + 1}` : clip(column);
      return describe('bad_quotes', position, column, value, `malformed or unclosed quotes in ${where}`);
    });
  }

  private addRaggedFault(position: RowPosition): void {
    this.faults.add(() => {
      const expected = `${this.header.names.length} cells, as in the header,`;
      return describe('ragged_row', position, null, null, mismatch('', expected, this.record.cells));
    });
  }
}

function describe(
  code: CellFaultCode,
  { row, line }: RowPosition,
  column: string | null,
  value: string | null,
  problem: string,
): CellFault {
  return { code, row, line, column, value, message: `Row ${row} (line ${line}): ${problem}` };
}
