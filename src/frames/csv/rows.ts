import { AppError } from '../../core/errors.ts';
import { mismatch, parameterFault, Words } from '../../core/faults.ts';
import { MAX_DEPTH } from '../rows/row.ts';
import type { BatchBuilder } from './batches.ts';
import { isBlankCell, parseDepth, parsePixel } from './cells.ts';
import type { CellFault, CellFaultCode, FaultLog } from './faults.ts';
import { MAX_RECORD_BYTES, type RecordFinder } from './find-record.ts';
import { clip, type Header } from './header.ts';
import { isNullCell, isNullDepth, type NullValues } from './null-values.ts';
import { createSplitter } from './split-record.ts';

/** The place of a row in its file, both counted from 1. */
export interface RowPosition {
  /** Counted after the header. */
  row: number;
  line: number;
}

/** Reads rows by the whole grammar: any order of columns, quotes, blanks and null values. It logs every fault with its place. */
export class RowReader {
  readonly #header: Header;
  readonly #nulls: NullValues;
  readonly #faults: FaultLog;
  readonly #decimalComma: boolean;
  readonly #split: (record: string) => string[];

  constructor(header: Header, nulls: NullValues, faults: FaultLog) {
    this.#header = header;
    this.#nulls = nulls;
    this.#faults = faults;
    this.#decimalComma = header.delimiter === ';';
    this.#split = createSplitter(header.delimiter);
  }

  /**
   * Reads a record into the row of `batch` that is being written.
   * @returns `bad` if it has faults, which are logged
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
    batch.nullPixels = 0;
    batch.valueMin = 256;
    batch.valueMax = -1;
    for (let index = 0; index < cells.length; index++) {
      const cell = cells[index] as string;
      const pixel = header.pixels[index] as number;
      if (pixel < 0) {
        batch.depth = this.#readDepth(cell, index, position);
        continue;
      }
      const value = parsePixel(cell, decimalComma);
      const isMissing =
        typeof value === 'number'
          ? nulls.pixels?.[value] === 1
          : isBlankCell(cell) || isNullCell(nulls, cell, value, decimalComma);
      if (isMissing) {
        batch.pixels[offset + pixel] = 0;
        batch.setNull(pixel);
        batch.nullPixels++;
      } else if (typeof value === 'number') {
        batch.pixels[offset + pixel] = value;
        if (value < batch.valueMin) batch.valueMin = value;
        if (value > batch.valueMax) batch.valueMax = value;
      } else {
        this.#addFault(value, index, cell, position, 'an integer from 0 to 255');
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

  /** A cell without a name in the header is given by its number, without its text. */
  #addQuotesFault({ bytes, malformed }: RecordFinder, position: RowPosition): void {
    this.#faults.add(() => {
      const index = this.#split(bytes.toString('utf8', 0, malformed)).length - 1;
      const column = this.#header.names[index] ?? null;
      const value = column === null ? null : clip(this.#readMalformed(bytes.toString('utf8', malformed)));
      const where = column === null ? `cell ${index + 1}` : clip(column);
      return describe('bad_quotes', position, column, value, `malformed or unclosed quotes in ${where}`);
    });
  }

  /** The text of the cell at the start of `text`, which continues after its closing quote or has none. */
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
