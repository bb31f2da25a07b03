import { depthAt, idAt } from './frame-rows.ts';
import { isMasked } from './null-mask.ts';
import { RowPngEncoder } from './png-row.ts';
import { maskOf, type ShownRows } from './shown-frames.ts';

/** How frames are written one after the other. */
export interface Representation {
  mediaType: string;
  /** Before the first row; `columns` is the width of all of them, where that is one. */
  head(columns: number | undefined): string;
  rows(rows: ShownRows, isFirst: boolean): Buffer;
  tail: string;
}

function writeFrames(rows: ShownRows, encoder: RowPngEncoder, separator: string, isFirst: boolean): Buffer {
  const parts: string[] = [];
  const { width } = rows;
  for (let index = 0; index < rows.count; index++) {
    const image = encoder.encodeBase64(rows.pixels, index * width, width, maskOf(rows, index));
    const start = isFirst && index === 0 ? '' : separator;
    parts.push(
      `${start}{"id":${idAt(rows, index)},"depth":${depthAt(rows, index)},"width":${width},"height":1,"image":"${image}"}`,
    );
  }
  return Buffer.from(parts.join(''), 'latin1');
}

/** A JSON array of frames, coloured by a table of 256 × RGB. */
export function jsonFrames(table: Uint8Array): Representation {
  const encoder = new RowPngEncoder(table);
  return {
    mediaType: 'application/json',
    head: () => '[',
    rows: (rows, isFirst) => writeFrames(rows, encoder, ',\n', isFirst),
    tail: ']',
  };
}

/** A frame as JSON in each line (https://github.com/ndjson/ndjson-spec). */
export function ndjsonFrames(table: Uint8Array): Representation {
  const encoder = new RowPngEncoder(table);
  return {
    mediaType: 'application/x-ndjson',
    head: () => '',
    // Each line has its end before the next one begins, and the last one in the tail.
    rows: (rows, isFirst) => writeFrames(rows, encoder, '\n', isFirst),
    tail: '\n',
  };
}

/** The text of each grey level behind its comma. */
const CELLS = Array.from({ length: 256 }, (_, level) => `,${level}`);

/** Grey levels as they may be uploaded again: missing pixels are empty cells. */
export function csvFrames(): Representation {
  return {
    mediaType: 'text/csv; charset=utf-8; header=present',
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
export function rawFrames(): Representation {
  return {
    mediaType: 'application/octet-stream',
    head: () => '',
    rows: ({ pixels, count, width }) => Buffer.from(pixels.buffer, pixels.byteOffset, count * width),
    tail: '',
  };
}
