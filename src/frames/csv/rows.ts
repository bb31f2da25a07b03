import { AppError } from '../../core/errors.ts';
import { mismatch, parameterFault, Words } from '../../core/faults.ts';
import { MAX_DEPTH } from '../rows/row.ts';
import type { BatchBuilder } from './batches.ts';
import { isBlankCell, parseDepth, parsePixel } from './cells.ts';
import type { CellFault, CellFaultCode, FaultLog } from './faults.ts';
import { createSplitter, MAX_RECORD_BYTES, type RecordFinder } from './find-record.ts';
import { clipCell, DEPTH_CELL, type Header, IGNORED_CELL } from './header.ts';
import { isNullCell, isNullDepth, MAX_NULL_LENGTH, type NullValues } from './null-values.ts';

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
  readonly #position: Readonly<RowPosition>;
  readonly #decimalComma: boolean;
  readonly #split: (record: string) => string[];

  /** @param position that of the record being read, kept up to date by the caller */
  constructor(header: Header, nulls: NullValues, faults: FaultLog, position: Readonly<RowPosition>) {
    this.#header = header;
    this.#nulls = nulls;
    this.#faults = faults;
    this.#position = position;
    this.#decimalComma = header.delimiter !== ',';
    this.#split = createSplitter(header.delimiter);
  }

  /**
   * Reads a record into the row of `batch` that is being written.
   * @returns `bad` if it has faults, which are logged
   */
  readRow(record: RecordFinder, batch: BatchBuilder): 'kept' | 'empty' | 'bad' {
    const before = this.#faults.total;
    if (record.malformed >= 0) {
      this.#addQuotesFault(record);
      return 'bad';
    }
    const cells = this.#split(record.bytes.toString());
    if (cells.every(isBlankCell)) return 'empty';
    const { length } = this.#header.names;
    if (cells.length < length) this.#addRaggedFault(cells.length);
    else if (!cells.slice(length).every(isBlankCell)) this.#addSurplusFault(cells.length);
    else this.#readCells(cells.slice(0, length), batch);
    return this.#faults.total === before ? 'kept' : 'bad';
  }

  /**
   * Reads a record as a row of units below the header: no cell has a digit, and the depth's has a name of a unit.
   * @returns undefined if it is not one
   */
  readUnits(record: RecordFinder): { depth: string } | undefined {
    if (record.malformed >= 0) return undefined;
    const cells = this.#split(record.bytes.toString());
    if (cells.some((cell) => /\d/.test(cell))) return undefined;
    const unit =
      cells[this.#header.pixels.indexOf(DEPTH_CELL)]
        ?.trim()
        .replace(/^[[(](.*)[\])]$/, '$1')
        .trim() ?? '';
    return UNITS.test(unit) ? { depth: unit } : undefined;
  }

  #readCells(cells: readonly string[], batch: BatchBuilder): void {
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
        if (pixel === IGNORED_CELL) continue;
        batch.depth = this.#readDepth(cell, index);
        batch.depthDecimals = decimalsOf(cell);
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
        this.#addFault(value, index, cell, 'an integer from 0 to 255', nullHint(cell));
      }
    }
  }

  #readDepth(cell: string, index: number): number {
    const depth = parseDepth(cell, this.#decimalComma);
    if (isBlankCell(cell)) {
      this.#addFault('null_depth', index, cell, 'a number (a depth cannot be missing)');
    } else if (Number.isNaN(depth)) {
      this.#addFault('bad_depth', index, cell, 'a decimal number');
    } else if (Math.abs(depth) > MAX_DEPTH) {
      this.#addFault('depth_too_large', index, cell, `a number from -${MAX_DEPTH} to ${MAX_DEPTH}`);
    } else if (isNullDepth(this.#nulls, depth)) {
      this.#addFault('null_depth', index, cell, 'a number that is not a null value');
    }
    return depth;
  }

  #addFault(code: CellFaultCode, index: number, cell: string, expected: string, hint = ''): void {
    this.#faults.add(() => {
      const column = this.#header.names[index] as string;
      const value = clipCell(cell);
      return this.#describe(code, column, value, mismatch(clipCell(column), expected, value) + hint);
    });
  }

  #addSurplusFault(cells: number): void {
    this.#faults.add(() => {
      const { length } = this.#header.names;
      const expected = `${length} cells, as in the header, and empty ones behind them`;
      return this.#describe('ragged_row', null, null, mismatch('', expected, cells));
    });
  }

  /** A cell without a name in the header is given by its number, without its text. */
  #addQuotesFault({ bytes, malformed }: RecordFinder): void {
    this.#faults.add(() => {
      const index = this.#split(bytes.toString('utf8', 0, malformed)).length - 1;
      const column = this.#header.names[index] ?? null;
      const value = column === null ? null : clipCell(this.#readMalformed(bytes.toString('utf8', malformed)));
      const where = column === null ? `cell ${index + 1}` : clipCell(column);
      return this.#describe('bad_quotes', column, value, `malformed or unclosed quotes in ${where}`);
    });
  }

  /** The text of the cell at the start of `text`, which continues after its closing quote or has none. */
  #readMalformed(text: string): string {
    const [, quoted = '', rest = ''] = /^"([^"]*(?:""[^"]*)*)(?:"[ \t]*(.*))?$/s.exec(text) ?? [];
    return quoted.replaceAll('""', '"') + (rest.split(this.#header.delimiter, 1)[0] ?? '');
  }

  #addRaggedFault(cells: number): void {
    this.#faults.add(() => {
      const expected = `${this.#header.names.length} cells, as in the header,`;
      return this.#describe('ragged_row', null, null, mismatch('', expected, cells));
    });
  }

  #describe(code: CellFaultCode, column: string | null, value: string | null, problem: string): CellFault {
    const { row, line } = this.#position;
    return { code, row, line, column, value, message: `Row ${row} (line ${line}): ${problem}` };
  }
}

/** Units of depth, in the spellings of LAS files and spreadsheets. */
const UNITS = /^(?:m|meters?|metres?|cm|mm|km|ft|f|feet|foot|in|inch(?:es)?|yd)\.?$/i;

/** Decimals of a depth; none if it has an exponent. */
function decimalsOf(cell: string): number {
  const [, decimals = ''] = /^[^eE]*[.,](\d*)[ \t]*$/.exec(cell) ?? [];
  return decimals.length;
}

/** What loggers and programs write for a missing value. */
const USUAL_NULLS =
  /^(?:-\d+(?:[.,]\d+)?|[+-]?\d+(?:[.,]\d*)?e\+?\d+|[+-]?nan|#?n\/?a|null|nil|none|missing|[+-]?inf(?:inity)?|-+|\*+|\?+)$/i;

/** Says how to mark missing pixels if a bad cell looks like such a mark. */
function nullHint(cell: string): string {
  const text = cell.trim();
  return USUAL_NULLS.test(text) && text.length <= MAX_NULL_LENGTH
    ? `; if ${text} marks a missing pixel, send null_values=${encodeURIComponent(text)}`
    : '';
}

export function rowTooLong(isInQuotes: boolean): AppError {
  const expected = `rows of at most ${MAX_RECORD_BYTES} bytes`;
  const errors = [parameterFault('/file', expected, new Words('a longer row'))];
  const reason = isInQuotes ? ', because a quote is not closed' : '';
  const detail = `A row of the CSV is longer than ${MAX_RECORD_BYTES} bytes${reason}.`;
  return new AppError('validation_failed', detail, { errors });
}
