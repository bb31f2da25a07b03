import { inPieces, type ReadAt } from './read-at.ts';

/** A page takes one, and so do a profile, EXIF and XMP. */
const MAX_CHUNKS = 100_000;

/**
 * The types of a WebP's RIFF chunks: FourCC, size, padded payload.
 *
 * @throws Error if there are very many: libwebp needs memory for each
 */
export function* webpChunks(readAt: ReadAt): Generator<string> {
  const bytesFrom = inPieces(readAt, 8);
  let offset = 12;
  let chunks = 0;
  for (let header = bytesFrom(offset); header.length >= 8; header = bytesFrom(offset)) {
    chunks += 1;
    if (chunks > MAX_CHUNKS) throw new Error(`it has more than ${MAX_CHUNKS} chunks`);
    yield header.toString('latin1', 0, 4);
    const size = header.readUInt32LE(4);
    offset += 8 + size + (size % 2);
  }
}
