import { type ReadAt, readingAt } from './read-at.ts';
import { tiffDirectories } from './tiff.ts';
import type { SourceFile } from './types.ts';

/**
 * Counts the pages of a WebP or a TIFF by walking their headers, and stops past `limit`: libvips takes seconds to open a small file
 * of very many pages. Gives 1 for other formats.
 *
 * @throws Error for a TIFF as `tiffDirectories`
 */
export async function countPages({ path, format }: SourceFile, limit: number): Promise<number> {
  if (format !== 'webp' && format !== 'tiff') return 1;
  return readingAt(path, (readAt) => {
    let pages = 0;
    for (const _page of format === 'webp' ? animationChunks(readAt) : tiffDirectories(readAt)) {
      pages += 1;
      if (pages > limit) break;
    }
    return Math.max(pages, 1);
  });
}

/** The offsets of a WebP's `ANMF` chunks, one for each page. RIFF chunks: FourCC, size, padded payload. */
function* animationChunks(readAt: ReadAt): Generator<number> {
  let header = readAt(12, 8);
  for (let offset = 12; header.length === 8; header = readAt(offset, 8)) {
    if (header.toString('latin1', 0, 4) === 'ANMF') yield offset;
    const size = header.readUInt32LE(4);
    offset += 8 + size + (size % 2);
  }
}
