import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { ImageLogParser } from '../../src/frames/csv/parser.ts';
import { COPY_HEADER, COPY_TRAILER, CopyRowEncoder } from '../../src/frames/ingest/copy-rows.ts';
import { createResampler } from '../../src/frames/rows/resample.ts';
import type { BenchServer } from './server.ts';
import type { TransferClient } from './stage.ts';

const COLUMNS = 200;
const WIDTH = 150;

/** Rows of an image log as text, 0.1 depth units apart: beds of rock with deterministic noise. */
export function* logText(rows: number): Generator<string> {
  yield `depth,${Array.from({ length: COLUMNS }, (_, column) => `col${column + 1}`).join(',')}\n`;
  let state = 1;
  let text = '';
  for (let row = 0; row < rows; row += 1) {
    const bed = 90 + 60 * Math.sin(row / 97) + 25 * Math.sin(row / 11);
    const tenths = 90_001 + row;
    text += `${Math.floor(tenths / 10)}.${tenths % 10}`;
    for (let column = 0; column < COLUMNS; column += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      text += `,${Math.round(bed + (state >>> 27))}`;
    }
    text += '\n';
    if (text.length > 1_000_000) {
      yield text;
      text = '';
    }
  }
  yield text;
}

/** Writes an image log of 200 columns as CSV. */
export async function writeImageLog(file: string, rows: number): Promise<void> {
  const out = createWriteStream(file);
  for (const text of logText(rows)) if (!out.write(text)) await once(out, 'drain');
  out.end();
  await finished(out);
}

/** Writes the same depths and bytes in the format of PostgreSQL's binary COPY, as rows of one frame set. */
export async function writeCopyFile(file: string, rows: number, frameSetId: string): Promise<void> {
  const out = createWriteStream(file);
  const parser = new ImageLogParser();
  const resample = createResampler(COLUMNS, WIDTH);
  const encoder = new CopyRowEncoder(frameSetId);
  const write = async (batches: ReturnType<ImageLogParser['push']>) => {
    for (const batch of batches) {
      const resized = { pixels: new Uint8Array(batch.count * WIDTH), nulls: null };
      resample(batch, batch.count, resized);
      if (!out.write(encoder.encode(batch, resized, WIDTH))) await once(out, 'drain');
    }
  };
  out.write(COPY_HEADER);
  for (const text of logText(rows)) await write(parser.push(Buffer.from(text)));
  await write(parser.end());
  out.end(COPY_TRAILER);
  await finished(out);
}

/** Uploads an image log, also if it is already stored. */
export async function uploadImageLog(
  client: TransferClient,
  { port }: BenchServer,
  file: string,
): Promise<{ seconds: number; id: string }> {
  const { status, body, seconds } = await client.call({ port, path: '/upload?force=true', upload: file });
  if (status !== 201) throw new Error(`The upload failed: ${status} ${body}`);
  return { seconds, id: (JSON.parse(body) as { id: string }).id };
}
