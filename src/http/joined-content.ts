import { Readable } from 'node:stream';
import type { ByteRange } from '../blobs/blob-store.ts';
import type { ContentBytes } from './content.ts';

/** Joined bytes up to this size are sent as one piece. */
const SMALL_BYTES = 1024 * 1024;

/** Bytes that are in memory. */
export function textBytes(text: string): ContentBytes {
  const bytes = Buffer.from(text);
  return { size: bytes.length, open: async ({ start, end }) => bytes.subarray(start, end) };
}

/** The parts one after the other; each is read when its turn comes. */
export function joinBytes(parts: readonly ContentBytes[]): ContentBytes {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return {
    size,
    async open(range) {
      if (size > SMALL_BYTES) return Readable.from(readParts(parts, range), { objectMode: false });
      const pieces: Buffer[] = [];
      for await (const piece of readParts(parts, range)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}

async function* readParts(parts: readonly ContentBytes[], { start, end }: ByteRange): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.size);
    offset += part.size;
    if (from >= to) continue;
    const piece = await part.open({ start: from, end: to });
    if (Buffer.isBuffer(piece)) yield piece;
    else yield* piece;
  }
}
