import { type ReadAt, readingAt } from './read-at.ts';
import { tiffDirectories } from './tiff.ts';
import type { SourceFile } from './types.ts';

/**
 * Counts the frames of a WebP or the pages of a TIFF by walking their headers, and stops past `limit`: libvips takes seconds to
 * open a small file of very many. Gives 1 for other formats.
 *
 * @throws Error for a TIFF as `tiffDirectories`
 */
export async function countPages({ path, format }: SourceFile, limit: number): Promise<number> {
  if (format !== 'webp' && format !== 'tiff') return 1;
  const count = format === 'webp' ? countFrames : countDirectories;
  return Math.max(
    readingAt(path, (readAt) => count(readAt, limit)),
    1,
  );
}

/** RIFF chunks: FourCC, size, padded payload. Each frame of an animation is an `ANMF` chunk. */
function countFrames(readAt: ReadAt, limit: number): number {
  let frames = 0;
  for (let offset = 12; frames <= limit; ) {
    const header = readAt(offset, 8);
    if (header.length < 8) break;
    if (header.toString('latin1', 0, 4) === 'ANMF') frames += 1;
    const size = header.readUInt32LE(4);
    offset += 8 + size + (size % 2);
  }
  return frames;
}

function countDirectories(readAt: ReadAt, limit: number): number {
  let pages = 0;
  for (const _page of tiffDirectories(readAt)) {
    pages += 1;
    if (pages > limit) break;
  }
  return pages;
}
