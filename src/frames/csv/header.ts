import { AppError } from '../../core/errors.ts';
import { clip, mismatch, Words } from '../../core/faults.ts';
import { MAX_COLUMNS } from '../rows/row.ts';
import { createSplitter, MAX_RECORD_BYTES, RecordFinder } from './find-record.ts';

export const DELIMITERS = [',', ';', '\t'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

export interface Header {
  delimiter: Delimiter;
  /** Names of all cells in file order, trimmed. */
  names: string[];
  /** Pixel columns. */
  columns: number;
  /** For each cell of a row, the pixel that it holds (0-based); -1 for the depth. */
  pixels: Int32Array;
  /** Whether the cells are depth, col1, col2, … in this order. */
  classic: boolean;
}

/** The refusal of a whole file. */
export function fileError(
  detail: string,
  code: 'validation_failed' | 'unsupported_media_type' = 'validation_failed',
): AppError {
  return new AppError(code, detail, { errors: [{ path: '/file', message: detail }] });
}

function headerError(expected: string, received: unknown): AppError {
  return fileError(mismatch('the header', expected, received));
}

function notText(received: string): AppError {
  return fileError(mismatch('', 'a CSV file in UTF-8', new Words(received)), 'unsupported_media_type');
}

const SIGNATURES: readonly (readonly [name: string, bytes: string])[] = [
  ['a PNG picture', '89504e47'],
  ['a JPEG picture', 'ffd8ff'],
  ['a GIF picture', '47494638'],
  ['a TIFF picture', '49492a00'],
  ['a TIFF picture', '4d4d002a'],
  ['gzip data: upload the file uncompressed', '1f8b'],
  ['a ZIP archive or an Excel workbook: save the sheet as CSV', '504b0304'],
  ['an Excel workbook: save the sheet as CSV', 'd0cf11e0'],
  ['bzip2 data: upload the file uncompressed', '425a68'],
  ['xz data: upload the file uncompressed', 'fd377a58'],
  ['Zstandard data: upload the file uncompressed', '28b52ffd'],
  ['a PDF document', '25504446'],
  ['UTF-16 text: save it as UTF-8', 'fffe'],
  ['UTF-16 text: save it as UTF-8', 'feff'],
];

/** Bytes that `checkSignature` needs, if the file is that long. */
export const SIGNATURE_BYTES = 8;

/**
 * Checks the first bytes of a file.
 * @returns the length of its UTF-8 byte-order mark: 3 or 0
 * @throws AppError `unsupported_media_type` if it is not UTF-8 text
 */
export function checkSignature(head: Buffer): number {
  const hex = head.toString('hex', 0, SIGNATURE_BYTES);
  const known = SIGNATURES.find(([, bytes]) => hex.startsWith(bytes));
  if (known) throw notText(known[0]);
  if (head.subarray(0, SIGNATURE_BYTES).includes(0)) throw notText('binary data or UTF-16 text');
  return hex.startsWith('efbbbf') ? 3 : 0;
}

/**
 * Reads the header record: `depth` and `col1` to `colN` (N is 1 to 10,000), each once, in any order and case, with or
 * without blanks around them. If no delimiter is given, it is the one of comma, semicolon and tab that yields a depth
 * column; if several do, the one that yields most cells.
 * @throws AppError `validation_failed`
 */
export function parseHeader({ bytes, isInQuotes }: RecordFinder, given: Delimiter | undefined): Header {
  if (isInQuotes) throw fileError('The CSV header has an unclosed quote.');
  if (bytes.includes(0)) throw notText('NUL bytes in its first line: binary data or UTF-16 text');
  const delimiters = given === undefined ? DELIMITERS : [given];
  const readings = delimiters.map((delimiter) => splitHeader(bytes, delimiter));
  return matchColumns(readings.reduce((a, b) => (score(b) > score(a) ? b : a)));
}

export function headerTooLong(): AppError {
  return headerError(`at most ${MAX_RECORD_BYTES} bytes`, new Words('more'));
}

interface Reading {
  delimiter: Delimiter;
  /** Undefined if the quotes are malformed with this delimiter. */
  names: string[] | undefined;
}

const isDepth = (name: string) => name.toLowerCase() === 'depth';

function score({ names }: Reading): number {
  if (names === undefined) return 2 * MAX_RECORD_BYTES;
  return names.length + (names.some(isDepth) ? 4 * MAX_RECORD_BYTES : 0);
}

function splitHeader(record: Buffer, delimiter: Delimiter): Reading {
  const finder = new RecordFinder([delimiter]);
  const isWhole = finder.read(record, 0) < 0 && !finder.isInQuotes;
  if (!isWhole || finder.malformed >= 0) return { delimiter, names: undefined };
  const names = createSplitter(delimiter)(record.toString()).map((name) => name.trim());
  return { delimiter, names };
}

function matchColumns({ delimiter, names }: Reading): Header {
  if (names === undefined) throw fileError('The CSV header has malformed quotes.');
  if (names.length > MAX_COLUMNS + 1) {
    const received = new Words(`${names.length} columns`);
    throw headerError(`depth and at most ${MAX_COLUMNS} pixel columns`, received);
  }
  const depthCell = names.findIndex(isDepth);
  if (depthCell < 0) throw headerError('a column named depth', new Words(quoteNames(names)));
  const columns = names.length - 1;
  if (columns === 0) throw headerError('pixel columns col1, col2, … in addition to depth', new Words('none'));
  const pixels = new Int32Array(names.length).fill(-1);
  const seen = new Uint8Array(columns);
  names.forEach((name, cell) => {
    if (cell === depthCell) return;
    if (isDepth(name)) throw headerError('one column named depth', new Words('more'));
    const number = /^col([1-9]\d{0,4})$/i.exec(name)?.[1];
    if (number === undefined) {
      throw headerError(
        `depth and col1 to col${columns}`,
        new Words(`${JSON.stringify(clipCell(name))} as column ${cell + 1}`),
      );
    }
    const pixel = Number(number) - 1;
    if (pixel >= columns) {
      throw headerError(`${columns} pixel columns named col1 to col${columns}`, clipCell(name));
    }
    if (seen[pixel] === 1)
      throw headerError('each column once', new Words(`${clipCell(name)} more than once`));
    seen[pixel] = 1;
    pixels[cell] = pixel;
  });
  const classic = depthCell === 0 && pixels.every((pixel, cell) => pixel === cell - 1);
  return { delimiter, names, columns, pixels, classic };
}

const MAX_SHOWN = 40;

/** Text from a file, shortened for reports. PostgreSQL, which stores the reports, cannot store NUL. */
export function clipCell(text: string): string {
  return clip(text, MAX_SHOWN).replaceAll('\0', '\ufffd');
}

function quoteNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(clipCell(name)));
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}
