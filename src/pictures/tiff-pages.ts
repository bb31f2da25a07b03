import type { ReadAt } from './read-at.ts';
import { type TiffDirectory, TiffReader, tiffDirectories } from './tiff.ts';
import { tiffBlockBytes } from './tiff-blocks.ts';

export interface TiffPage {
  /** The file with this page as the only one. */
  bytes: Buffer;
  directory: TiffDirectory;
  readAt: ReadAt;
  /** Bytes of its strips or tiles that are held at once. */
  blockBytes: number;
}

/**
 * A TIFF with each of its pages as the only one, in turn. All share the given bytes, whose links are changed.
 *
 * @throws Error as `tiffDirectories`
 */
export function* tiffPages(bytes: Buffer): Generator<TiffPage> {
  const readAt: ReadAt = (offset, length) =>
    Number.isSafeInteger(offset) ? bytes.subarray(offset, offset + length) : Buffer.alloc(0);
  const tiff = new TiffReader(readAt);
  const { at, size } = tiff.firstLink;
  // All are read before any link is changed, because directories of a hostile file may overlap.
  for (const directory of [...tiffDirectories(readAt)]) {
    tiff.writeOffset(bytes, at, directory.offset);
    if (directory.linkAt + size <= bytes.length) tiff.writeOffset(bytes, directory.linkAt, 0);
    yield { bytes, directory, readAt, blockBytes: tiffBlockBytes(readAt, directory) };
  }
}
