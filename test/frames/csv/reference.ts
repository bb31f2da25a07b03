import type { CellFaultCode } from '../../../src/frames/csv/faults.ts';
import type { PlainRow } from '../support.ts';

/**
 * An image log read the slow way: one expression splits, others and `Number` read the cells. Written from
 * docs/image-logs.md alone, to hold the parser against. For files whose quotes are well formed.
 */
export interface ReferenceFault {
  code: CellFaultCode;
  row: number;
  line: number;
  column: string | null;
  value: string | null;
}

export interface ReferenceResult {
  rows: PlainRow[];
  faults: ReferenceFault[];
  badRows: number;
  emptyRows: number;
}

export interface ReferenceOptions {
  delimiter: string;
  newline: '\n' | '\r\n' | '\r';
  nullValues: readonly string[];
}

const BLANK = /^[ \t]*$/;

/** The cells of each record: quoted, with blanks behind the closing quote, or up to the next delimiter or line end. */
function splitRecords(text: string, delimiter: string, newline: string): string[][] {
  const cell = new RegExp(
    `(?:"((?:[^"]|"")*)"[ \\t]*?|([^"${delimiter}\r\n][^${delimiter}\r\n]*)?)(${delimiter}|${newline}|$)`,
    'y',
  );
  const records: string[][] = [];
  let cells: string[] = [];
  while (cell.lastIndex < text.length || cells.length > 0) {
    const at = cell.lastIndex;
    const [, quoted, plain = '', end] = cell.exec(text) ?? [];
    if (end === undefined) throw new Error(`Not well-formed at ${at}: ${text.slice(at, at + 50)}`);
    cells.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === delimiter) continue;
    records.push(cells);
    cells = [];
  }
  return records;
}

export function readReference(text: string, options: ReferenceOptions): ReferenceResult {
  const { delimiter, newline } = options;
  const point = delimiter === ',' ? '\\.' : '[.,]';
  const plain = `(?:\\d+(?:${point}\\d*)?|${point}\\d+)`;
  const pixelPattern = new RegExp(`^[ \\t]*[+-]?${plain}[ \\t]*$`);
  const depthPattern = new RegExp(`^[ \\t]*[+-]?${plain}(?:[eE][+-]?\\d+)?[ \\t]*$`);
  const number = (cell: string) => Number(cell.replace(',', '.'));
  const isNumber = (mark: string) => /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(mark);
  const nullNumbers = options.nullValues.filter(isNumber).map(Number);
  const nullTexts = options.nullValues.filter((mark) => !isNumber(mark)).map((mark) => mark.toLowerCase());

  const data = splitRecords(text.replace(/^\uFEFF/, ''), delimiter, newline);
  const names = (data.shift() ?? []).map((name) => name.trim());
  const result: ReferenceResult = { rows: [], faults: [], badRows: 0, emptyRows: 0 };
  let line = 2;
  data.forEach((cells, index) => {
    const row = index + 1;
    const at = line;
    line += 1 + cells.reduce((sum, cell) => sum + cell.split(newline).length - 1, 0);
    if (cells.every((cell) => BLANK.test(cell))) {
      result.emptyRows++;
      return;
    }
    const before = result.faults.length;
    const fault = (code: CellFaultCode, cell: number) => {
      const value = cells[cell] as string;
      const clipped = value.length > 40 ? `${value.slice(0, 40)}…` : value;
      result.faults.push({ code, row, line: at, column: names[cell] as string, value: clipped });
    };
    let depth = 0;
    const pixels: (number | null)[] = new Array(names.length - 1).fill(0);
    const surplus = cells.splice(names.length);
    if (cells.length < names.length || !surplus.every((cell) => BLANK.test(cell))) {
      result.faults.push({ code: 'ragged_row', row, line: at, column: null, value: null });
    } else {
      cells.forEach((cell, column) => {
        const name = (names[column] as string).toLowerCase();
        if (name === 'depth') {
          depth = number(cell) + 0;
          if (BLANK.test(cell)) fault('null_depth', column);
          else if (!depthPattern.test(cell)) fault('bad_depth', column);
          else if (Math.abs(depth) > 1e100) fault('depth_too_large', column);
          else if (nullNumbers.includes(depth) && !(Number.isInteger(depth) && depth >= 0 && depth <= 255)) {
            fault('null_depth', column);
          }
          return;
        }
        const value = pixelPattern.test(cell) ? number(cell) : Number.NaN;
        const pixel = Number(name.slice(3)) - 1;
        if (
          BLANK.test(cell) ||
          (depthPattern.test(cell) && nullNumbers.includes(number(cell))) ||
          nullTexts.includes(cell.trim().toLowerCase())
        ) {
          pixels[pixel] = null;
        } else if (Number.isNaN(value)) fault('bad_number', column);
        else if (!Number.isInteger(value)) fault('not_whole', column);
        else if (value < 0 || value > 255) fault('out_of_range', column);
        else pixels[pixel] = value + 0;
      });
    }
    if (result.faults.length === before) result.rows.push({ row, depth, pixels });
    else result.badRows++;
  });
  return result;
}
