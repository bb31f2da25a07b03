import { AppError } from '../../core/errors.ts';
import { clip, mismatch, Words } from '../../core/faults.ts';
import { MAX_COLUMNS } from '../rows/row.ts';
import { DELIMITERS, type Delimiter } from './delimiters.ts';
import { createSplitter, MAX_RECORD_BYTES, RecordFinder } from './find-record.ts';

export interface Header {
  delimiter: Delimiter;
  /** Names of all cells in file order, trimmed, without empty ones at the end. */
  names: string[];
  /** Pixel columns. */
  columns: number;
  /** For each cell of a row, the pixel that it holds (0-based), `DEPTH_CELL` or `IGNORED_CELL`. */
  pixels: Int32Array;
  /** Whether the cells are the depth, col1, col2, … in this order. */
  classic: boolean;
  /** Empty cells at the end of the header, as spreadsheets write them. */
  emptyCells: number;
  /** The unit in the name of the depth column, as in `DEPTH (ft)`. */
  depthUnit: string | undefined;
}

export const DEPTH_CELL = -1;
/** A cell of a column of row numbers. */
export const IGNORED_CELL = -2;

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
  ['a PNG picture: upload pictures with POST /images', '89504e47'],
  ['a JPEG picture: upload pictures with POST /images', 'ffd8ff'],
  ['a GIF picture: upload pictures with POST /images', '47494638'],
  ['a TIFF picture: upload pictures with POST /images', '49492a00'],
  ['a TIFF picture: upload pictures with POST /images', '4d4d002a'],
  ['a WebP picture or another RIFF file: upload pictures with POST /images', '52494646'],
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
  // An ISO base media file: AVIF, HEIC.
  if (head.toString('latin1', 4, 8) === 'ftyp') {
    throw notText('an AVIF, HEIC or other media file: upload pictures with POST /images');
  }
  if (head.subarray(0, SIGNATURE_BYTES).includes(0)) throw notText('binary data or UTF-16 text');
  return hex.startsWith('efbbbf') ? 3 : 0;
}

/** How a client says that the header is to be read. */
export interface HeaderOptions {
  /** Found from the header if it is not given. */
  delimiter?: Delimiter | undefined;
  /** The name of the depth column; by default, one of the usual names. */
  depthColumn?: string | undefined;
}

/**
 * The delimiter of a line `sep=;`, by which Excel announces it before the header.
 *
 * @returns undefined if the record is not such a line
 * @throws AppError `validation_failed` for another character
 */
export function announcedDelimiter(record: Buffer): Delimiter | undefined {
  const [, character] = /^"?sep=(.)"?[,;\t]*$/i.exec(record.toString('latin1')) ?? [];
  if (character === undefined) return undefined;
  const delimiter = DELIMITERS.find((candidate) => candidate === character);
  if (delimiter === undefined) {
    throw fileError(
      mismatch('the line before the header', 'sep=, or sep=; or sep= and a tab', record.toString()),
    );
  }
  return delimiter;
}

/**
 * Reads the header record: a column of depths and `col1` to `colN` (N is 1 to 10,000), each once, in any order and case, with or
 * without blanks around them. Empty cells at its end and a column of row numbers at its start, as pandas writes it, are left out.
 * If no delimiter is given, it is the one of comma, semicolon and tab that yields a depth column; if several do, the one that
 * yields most cells.
 * @throws AppError `validation_failed`
 */
export function parseHeader({ bytes, isInQuotes }: RecordFinder, options: HeaderOptions): Header {
  if (isInQuotes) throw fileError('The CSV header has an unclosed quote.');
  if (bytes.includes(0)) throw notText('NUL bytes in its first line: binary data or UTF-16 text');
  const isDepth = depthNames(options.depthColumn);
  const delimiters = options.delimiter === undefined ? DELIMITERS : [options.delimiter];
  const readings = delimiters.map((delimiter) => splitHeader(bytes, delimiter));
  const best = readings.reduce((a, b) => (score(b, isDepth) > score(a, isDepth) ? b : a));
  return matchColumns(best, isDepth, options.depthColumn);
}

export function headerTooLong(): AppError {
  return headerError(`at most ${MAX_RECORD_BYTES} bytes`, new Words('more'));
}

interface Reading {
  delimiter: Delimiter;
  /** Undefined if the quotes are malformed with this delimiter. */
  names: string[] | undefined;
}

/** A name and its unit: `DEPTH (ft)`, `depth [m]`, and `DEPT.M` as in LAS files. */
const NAME_AND_UNIT = /^(.*?)\s*(?:\(([^()]*)\)|\[([^[\]]*)\]|\.([a-z]{1,8}))$/i;

/** Names of depth columns, in lower case: those of LAS and of loggers. */
const DEPTH_NAMES = ['depth', 'dept', 'md', 'measured depth', 'measured_depth', 'tdep', 'depth_md', 'dmea'];

function splitName(name: string): { name: string; unit: string | undefined } {
  const [, stem = name, ...units] = NAME_AND_UNIT.exec(name) ?? [];
  const unit = units.find((candidate) => candidate !== undefined)?.trim();
  return { name: stem, unit: unit === '' ? undefined : unit };
}

function depthNames(given: string | undefined): (name: string) => boolean {
  if (given === undefined) return (name) => DEPTH_NAMES.includes(splitName(name).name.toLowerCase());
  const wanted = given.trim().toLowerCase();
  return (name) => name.toLowerCase() === wanted || splitName(name).name.toLowerCase() === wanted;
}

/** A column of row numbers, as pandas names it. */
const isIndex = (name: string) => name === '' || /^unnamed: 0$/i.test(name);

function score({ names }: Reading, isDepth: (name: string) => boolean): number {
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

function matchColumns(
  { delimiter, names: cells }: Reading,
  isDepth: (name: string) => boolean,
  depthColumn: string | undefined,
): Header {
  if (cells === undefined) throw fileError('The CSV header has malformed quotes.');
  const names = cells.slice(0, cells.findLastIndex((name) => name !== '') + 1);
  const depthCell = findDepth(names, isDepth, depthColumn);
  const hasIndex = depthCell !== 0 && isIndex(names[0] ?? '');
  const columns = names.length - (hasIndex ? 2 : 1);
  if (columns > MAX_COLUMNS) {
    const received = new Words(`${columns + 1} columns`);
    throw headerError(`depth and at most ${MAX_COLUMNS} pixel columns`, received);
  }
  if (columns === 0) throw headerError('pixel columns col1, col2, … in addition to depth', new Words('none'));
  const pixels = new Int32Array(names.length).fill(DEPTH_CELL);
  const seen = new Uint8Array(columns);
  names.forEach((name, cell) => {
    if (cell === depthCell) return;
    if (cell === 0 && hasIndex) {
      pixels[cell] = IGNORED_CELL;
      return;
    }
    const number = /^col([1-9]\d{0,4})$/i.exec(name)?.[1];
    if (number === undefined) {
      throw headerError(
        `depth and ${columns === 1 ? 'col1' : `col1 to col${columns}`}`,
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
  const depthUnit = splitName(names[depthCell] ?? '').unit;
  return { delimiter, names, columns, pixels, classic, emptyCells: cells.length - names.length, depthUnit };
}

function findDepth(
  names: readonly string[],
  isDepth: (name: string) => boolean,
  depthColumn: string | undefined,
): number {
  const candidates = names.flatMap((name, cell) => (isDepth(name) ? [cell] : []));
  const [first, second] = candidates;
  if (first === undefined) {
    const expected =
      depthColumn === undefined
        ? 'a column named depth (depth_column=NAME names another)'
        : `a column named ${clipCell(depthColumn)}`;
    throw headerError(expected, new Words(quoteNames(names)));
  }
  if (second === undefined) return first;
  const received = new Words(quoteNames(candidates.map((cell) => names[cell] ?? '')));
  throw headerError('one column of depths (depth_column=NAME names it)', received);
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
