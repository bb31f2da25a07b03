import { isMasked } from '../rows/null-mask.ts';
import { RowPngEncoder } from '../rows/png-row.ts';
import { maskOf, type ShownRows } from './display-rows.ts';
import { depthAt, idAt } from './frame-rows.ts';
import type { ExportFormat } from './schemas.ts';

/** How frames are written one after the other. */
export interface Representation {
  mediaType: string;
  /** The name to save it under, if it is a file. */
  filename?: string;
  /** Before the first row; `columns` is the width of all of them, if they have only one. */
  head: (columns: number | undefined) => string;
  rows: (rows: ShownRows, isFirst: boolean) => Buffer;
  tail: string;
}

/** Text around a picture: an id, a depth and a width in at most 24 characters each, and names. */
const TEXT_BYTES = 200;

/** Writes frames as JSON, straight into bytes. */
class FrameWriter {
  readonly #encoder: RowPngEncoder;
  readonly #separator: string;
  /** Bytes of a frame as they turned out, to begin with as many next time. */
  #usual = 600;

  constructor(table: Uint8Array, separator: string) {
    this.#encoder = new RowPngEncoder(table);
    this.#separator = separator;
  }

  write(rows: ShownRows, isFirst: boolean): Buffer {
    const { width, count, pixels } = rows;
    const most = TEXT_BYTES + RowPngEncoder.maxBase64Bytes(width);
    let out = Buffer.allocUnsafe(count * this.#usual + most);
    let at = 0;
    for (let index = 0; index < count; index++) {
      if (out.length - at < most) out = Buffer.concat([out.subarray(0, at)], 2 * out.length + most);
      const start = isFirst && index === 0 ? '' : this.#separator;
      at += out.write(
        `${start}{"id":${idAt(rows, index)},"depth":${depthAt(rows, index)},"width":${width},"height":1,"image":"`,
        at,
        'latin1',
      );
      at = this.#encoder.writeBase64(out, at, pixels, index * width, width, maskOf(rows, index));
      out[at++] = 34;
      out[at++] = 125;
    }
    this.#usual = Math.ceil(at / count) + 8;
    return out.subarray(0, at);
  }
}

/** A JSON array of frames, coloured by a table of 256 × RGB. */
export function jsonFrames(table: Uint8Array): Representation {
  const writer = new FrameWriter(table, ',\n');
  return {
    mediaType: 'application/json',
    head: () => '[',
    rows: (rows, isFirst) => writer.write(rows, isFirst),
    tail: ']',
  };
}

/** A frame as JSON in each line (https://github.com/ndjson/ndjson-spec). */
function ndjsonFrames(table: Uint8Array): Representation {
  const writer = new FrameWriter(table, '\n');
  return {
    mediaType: 'application/x-ndjson',
    filename: 'frames.ndjson',
    head: () => '',
    // Each line has its end before the next one begins, and the last one in the tail.
    rows: (rows, isFirst) => writer.write(rows, isFirst),
    tail: '\n',
  };
}

/** The text of each grey level behind its comma. */
const CELLS = Array.from({ length: 256 }, (_, level) => `,${level}`);

/** Grey levels as they may be uploaded again: missing pixels are empty cells. */
function csvFrames(): Representation {
  return {
    mediaType: 'text/csv; charset=utf-8; header=present',
    filename: 'frames.csv',
    head: (columns = 0) => `depth${Array.from({ length: columns }, (_, i) => `,col${i + 1}`).join('')}\n`,
    rows: (rows) => {
      const { width, pixels } = rows;
      let text = '';
      for (let index = 0; index < rows.count; index++) {
        const mask = maskOf(rows, index);
        text += depthAt(rows, index);
        for (let x = 0; x < width; x++) {
          text += mask !== null && isMasked(mask, 0, x) ? ',' : CELLS[pixels[index * width + x] as number];
        }
        text += '\n';
      }
      return Buffer.from(text, 'latin1');
    },
    tail: '',
  };
}

/** Grey levels, a byte each, row after row; missing pixels are 0. */
function rawFrames(): Representation {
  return {
    mediaType: 'application/octet-stream',
    filename: 'frames.raw',
    head: () => '',
    rows: ({ pixels, count, width }) => Buffer.from(pixels.buffer, pixels.byteOffset, count * width),
    tail: '',
  };
}

/** Formats of an export of frames, by name. */
export const EXPORTS: Readonly<Record<ExportFormat, (table: Uint8Array) => Representation>> = {
  csv: csvFrames,
  ndjson: ndjsonFrames,
  raw: rawFrames,
};

/** The bytes of an answer: what comes before its rows, the rows, and what comes after. */
export async function* writeFrames(
  first: IteratorResult<ShownRows, void>,
  rest: AsyncGenerator<ShownRows, void, undefined>,
  { head, rows, tail }: Representation,
  columns: number | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const start = head(columns);
  if (first.done) {
    yield Buffer.from(start + tail);
    return;
  }
  if (start !== '') yield Buffer.from(start);
  yield rows(first.value, true);
  for await (const batch of rest) yield rows(batch, false);
  if (tail !== '') yield Buffer.from(tail);
}
