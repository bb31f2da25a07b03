import { readingAt } from './read-at.ts';
import { tiffDirectories } from './tiff.ts';
import type { SourceFile } from './types.ts';
import { webpChunks } from './webp.ts';

/**
 * Counts the pages of a WebP or a TIFF by walking their headers, and stops past `limit`: libvips takes seconds to open a small file
 * of very many pages. Gives 1 for other formats.
 *
 * @throws Error as `tiffDirectories` and `webpChunks`
 */
export async function countPages({ path, format }: SourceFile, limit: number): Promise<number> {
  if (format !== 'webp' && format !== 'tiff') return 1;
  return readingAt(path, (readAt) => {
    let pages = 0;
    for (const page of format === 'webp' ? webpChunks(readAt) : tiffDirectories(readAt)) {
      // Of a WebP's chunks, these hold a page each.
      if (typeof page === 'string' && page !== 'ANMF') continue;
      pages += 1;
      if (pages > limit) break;
    }
    return Math.max(pages, 1);
  });
}
