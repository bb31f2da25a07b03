import { AppError } from '../../core/errors.ts';
import { mismatch, parameterFault, Words } from '../../core/faults.ts';
import { MAX_DEPTH } from '../rows/row.ts';
import type { BatchBuilder } from './batches.ts';
import { isBlankCell, NOT_WHOLE, OUT_OF_RANGE, parseDepth, parsePixel } from './cells.ts';
import type { CellFault, CellFaultCode, FaultLog } from './faults.ts';
import { MAX_RECORD_BYTES, type RecordFinder } from './find-record.ts';
import { clip, type Header } from './header.ts';
import { isNullCell, isNullDepth, type NullValues } from './null-values.ts';
import { createSplitter, type SplitRecord } from './split-record.ts';

/** Where a row stands in its file, both counted from 1. */
export interface RowPosition {
  /** After the header. */
  row: number;
  line: number;
}

/** Reads rows by the whole grammar: any order of columns, quotes, blanks, null values, and every fault by its place. */
export class RowReader {
  /** Of the row that `readRow` kept. */
  depth = 0;
  nullPixels = 0;
  /** 256 if every pixel is missing. */
  valueMin = 256;
  /** -1 if every pixel is missing. */
  valueMax = -1;

  readonly #header: Header;
  readonly #nulls: NullValues;
  readonly #faults: FaultLog;
  readonly #decimalComma: boolean;
  readonly #split: SplitRecord;

  constructor(header: Header, nulls: NullValues, faults: FaultLog) {
    this.#header = header;
    this.#nulls = nulls;
    this.#faults = faults;
    this.#decimalComma = header.delimiter === ';';
    this.#split = createSplitter(header.delimiter);
  }

  /**
   * Turns a record into the row being written of `batch`.
   * @returns whether it is a row: not if it is empty or has faults, which are logged.
   */
  readRow(record: RecordFinder, batch: BatchBuilder, position: RowPosition): 'kept' | 'empty' | 'bad' {
    const before = this.#faults.total;
    if (record.malformed >= 0) {
      this.#addQuotesFault(record, position);
      return 'bad';
    }
    const cells = this.#split(record.bytes.toString());
    if (cells.every(isBlankCell)) return 'empty';
    if (cells.length === this.#header.names.length) this.#readCells(cells, batch, position);
    else this.#addRaggedFault(cells.length, position);
    return this.#faults.total === before ? 'kept' : 'bad';
  }

  #readCells(cells: readonly string[], batch: BatchBuilder, position: RowPosition): void {
    const header = this.#header;
    const nulls = this.#nulls;
    const decimalComma = this.#decimalComma;
    const offset = batch.count * header.columns;
    this.nullPixels = 0;
    this.valueMin = 256;
    this.valueMax = -1;
    for (let index = 0; index < cells.length; index++) {
      const cell = cells[index] as string;
      const pixel = header.pixels[index] as number;
      if (pixel < 0) {
        this.depth = this.#readDepth(cell, index, position);
        continue;
      }
      const code = parsePixel(cell, decimalComma);
      const missing =
        code >= 0
          ? nulls.pixels?.[code] === 1
          : isBlankCell(cell) || isNullCell(nulls, cell, code, decimalComma);
      batch.pixels[offset + pixel] = missing || code < 0 ? 0 : code;
      if (missing) {
        batch.setNull(pixel);
        this.nullPixels++;
      } else if (code < 0) {
        const name = code === NOT_WHOLE ? 'not_whole' : code === OUT_OF_RANGE ? 'out_of_range' : 'bad_number';
        this.#addFault(name, index, cell, position, 'an integer from 0 to 255');
      } else {
        if (code < this.valueMin) this.valueMin = code;
        if (code > this.valueMax) this.valueMax = code;
      }
    }
  }

  #readDepth(cell: string, index: number, position: RowPosition): number {
    const depth = parseDepth(cell, this.#decimalComma);
    if (isBlankCell(cell)) {
      this.#addFault('null_depth', index, cell, position, 'a number');
    } else if (Number.isNaN(depth)) {
      this.#addFault('bad_depth', index, cell, position, 'a decimal number');
    } else if (Math.abs(depth) > MAX_DEPTH) {
      const expected = `a number from -${MAX_DEPTH} to ${MAX_DEPTH}`;
      this.#addFault('depth_too_large', index, cell, position, expected);
    } else if (isNullDepth(this.#nulls, depth)) {
      this.#addFault('null_depth', index, cell, position, 'a number that is not a null value');
    }
    return depth;
  }

  #addFault(code: CellFaultCode, index: number, cell: string, position: RowPosition, expected: string): void {
    this.#faults.add(() => {
      const column = this.#header.names[index] as string;
      const value = clip(cell);
      return describe(code, position, column, value, mismatch(clip(column), expected, value));
    });
  }

  /** The cell may be one that the header has no name for; its text is not kept then. */
  #addQuotesFault({ bytes, malformed }: RecordFinder, position: RowPosition): void {
    this.#faults.add(() => {
      const index = this.#split(bytes.toString('utf8', 0, malformed)).length - 1;
      const column = this.#header.names[index] ?? null;
      const value = column === null ? null : clip(this.#readMalformed(bytes.toString('utf8', malformed)));
      const where = column === null ? `cell ${index + 1}` : clip(column);
      return describe('bad_quotes', position, column, value, `malformed or unclosed quotes in ${where}`);
    });
  }

  /** The text of a cell at the start of `text` that goes on after its closing quote, or has none. */
  #readMalformed(text: string): string {
    const [, quoted = '', rest = ''] = /^"([^"]*(?:""[^"]*)*)(?:"[ \t]*(.*))?$/s.exec(text) ?? [];
    return quoted.replaceAll('""', '"') + (rest.split(this.#header.delimiter, 1)[0] ?? '');
  }

  #addRaggedFault(cells: number, position: RowPosition): void {
    this.#faults.add(() => {
      const expected = `${this.#header.names.length} cells, as in the header,`;
      return describe('ragged_row', position, null, null, mismatch('', expected, cells));
    });
  }
}

/** A refusal of a file with a row that goes on for too long. */
export function rowTooLong(isInQuotes: boolean): AppError {
  const fault = parameterFault(
    '/file',
    `rows of at most ${MAX_RECORD_BYTES} bytes`,
    new Words('a longer one'),
  );
  const reason = isInQuotes ? 'because a quote is not closed' : 'the most that is read';
  const detail = `A row of the CSV is longer than ${MAX_RECORD_BYTES} bytes, ${reason}.`;
  return new AppError('validation_failed', detail, { errors: [fault] });
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
