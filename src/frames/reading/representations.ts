import { isMasked } from '../rows/null-mask.ts';
import { RowPngEncoder } from '../rows/png-row.ts';
import { maskOf, type ShownRows } from './display-rows.ts';
import { depthAt, idAt } from './frame-rows.ts';
import type { ExportFormat } from './schemas.ts';

/** Writes the next rows of an answer. */
type RowWriter = (rows: ShownRows, isFirst: boolean) => Buffer;

/** How an answer of frames is written. */
export interface Representation {
  mediaType: string;
  /** Set if the answer is a file. */
  filename?: string;
  /** The text before the first row; `columns` is the width of all rows if they have the same. */
  head: (columns: number | undefined) => string;
  rows: RowWriter;
  /** The text after the last row; `nextCursor` is null on the last page. */
  tail: (nextCursor: string | null) => string;
}

/** Maximum text around a PNG: three numbers of up to 24 characters each, the id of a frame set, and names. */
const TEXT_BYTES = 260;

/** Writes frames as JSON, straight into bytes. */
function createFrameWriter(table: Uint8Array, separator: string): RowWriter {
  const encoder = new RowPngEncoder(table);
  /** Bytes of a frame in the last batch, from which the next one is allocated. */
  let usual = 600;
  return (rows, isFirst) => {
    const { width, count, pixels, frameSet } = rows;
    const most = TEXT_BYTES + RowPngEncoder.maxBase64Bytes(width);
    let out = Buffer.allocUnsafe(count * usual + most);
    let at = 0;
    for (let index = 0; index < count; index++) {
      if (out.length - at < most) out = Buffer.concat([out.subarray(0, at)], 2 * out.length + most);
      const start = isFirst && index === 0 ? '' : separator;
      at += out.write(
        `${start}{"id":${idAt(rows, index)},"frame_set_id":"${frameSet.id}","depth":${depthAt(rows, index)},"width":${width},"height":1,"image":"`,
        at,
        'latin1',
      );
      at = encoder.writeBase64(out, at, pixels, index * width, width, maskOf(rows, index));
      out[at++] = 34;
      out[at++] = 125;
    }
    usual = Math.ceil(at / count) + 8;
    return out.subarray(0, at);
  };
}

/** A JSON array of frames, coloured by a table of 256 × RGB. */
export function jsonFrames(table: Uint8Array): Representation {
  return {
    mediaType: 'application/json',
    head: () => '[',
    rows: createFrameWriter(table, ',\n'),
    tail: () => ']',
  };
}

/** A page of frames as a JSON object. */
export function jsonFramePage(table: Uint8Array): Representation {
  return {
    ...jsonFrames(table),
    head: () => '{"items":[',
    tail: (nextCursor) => `],"next_cursor":${JSON.stringify(nextCursor)}}`,
  };
}

/** One frame as JSON per line (https://github.com/ndjson/ndjson-spec). */
function ndjsonFrames(table: Uint8Array): Representation {
  return {
    mediaType: 'application/x-ndjson',
    filename: 'frames.ndjson',
    head: () => '',
    rows: createFrameWriter(table, '\n'),
    tail: () => '\n',
  };
}

/** The text of each grey level, after a comma. */
const CELLS = Array.from({ length: 256 }, (_, level) => `,${level}`);

/**
 * A depth with as many decimals as the file of its frame set has at most, so that 9001.0 stays 9001.0; with more if it is not exact
 * otherwise.
 */
function depthText(depth: number, decimals: number | null): string {
  const text = decimals === null ? '' : depth.toFixed(decimals);
  return Number(text) === depth && text !== '' && !text.includes('e') ? text : String(depth);
}

/** Grey levels as a file that can be uploaded again: missing pixels are empty cells. */
function csvFrames(): Representation {
  return {
    mediaType: 'text/csv; charset=utf-8; header=present',
    filename: 'frames.csv',
    head: (columns = 0) => `depth${Array.from({ length: columns }, (_, i) => `,col${i + 1}`).join('')}\n`,
    rows: (rows) => {
      const { width, pixels, frameSet } = rows;
      let text = '';
      for (let index = 0; index < rows.count; index++) {
        const mask = maskOf(rows, index);
        text += depthText(depthAt(rows, index), frameSet.depthDecimals);
        for (let x = 0; x < width; x++) {
          text += mask !== null && isMasked(mask, 0, x) ? ',' : CELLS[pixels[index * width + x] as number];
        }
        text += '\n';
      }
      return Buffer.from(text, 'latin1');
    },
    tail: () => '',
  };
}

/** Grey levels, one byte each, row by row; missing pixels are 0. */
function rawFrames(): Representation {
  return {
    mediaType: 'application/octet-stream',
    filename: 'frames.raw',
    head: () => '',
    rows: ({ pixels, count, width }) => Buffer.from(pixels.buffer, pixels.byteOffset, count * width),
    tail: () => '',
  };
}

export const EXPORTS: Readonly<Record<ExportFormat, (table: Uint8Array) => Representation>> = {
  csv: csvFrames,
  ndjson: ndjsonFrames,
  raw: rawFrames,
};

export async function* writeFrames(
  first: IteratorResult<ShownRows, void>,
  rest: AsyncGenerator<ShownRows, void, undefined>,
  { head, rows, tail }: Representation,
  { columns, nextCursor }: { columns: number | undefined; nextCursor: string | null },
): AsyncGenerator<Buffer, void, undefined> {
  const start = head(columns);
  const end = tail(nextCursor);
  if (first.done) {
    yield Buffer.from(start + end);
    return;
  }
  if (start !== '') yield Buffer.from(start);
  yield rows(first.value, true);
  for await (const batch of rest) yield rows(batch, false);
  if (end !== '') yield Buffer.from(end);
}
