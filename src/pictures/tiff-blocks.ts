import type { ReadAt } from './read-at.ts';
import { type TiffDirectory, TiffReader, tiffDirectories } from './tiff.ts';

const TAGS = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  tileWidth: 322,
  tileHeight: 323,
};

/** The directory of a page. */
export function tiffDirectory(readAt: ReadAt, page: number): TiffDirectory | undefined {
  let index = 0;
  for (const directory of tiffDirectories(readAt)) {
    if (index === page) return directory;
    index += 1;
  }
  return undefined;
}

/** Bytes of a page's decoded blocks that libvips 8.18 holds at once: two strips, or two rows of tiles and two tiles more. */
export function tiffBlockBytes(readAt: ReadAt, { entries }: TiffDirectory): number {
  const tiff = new TiffReader(readAt);
  const value = (tag: number, missing: number): number => {
    const entry = entries.find((candidate) => candidate.tag === tag);
    return (entry && tiff.firstNumber(entry)) ?? missing;
  };
  const [width, height] = [value(TAGS.width, 0), value(TAGS.height, 0)];
  const pixelBytes = value(TAGS.samplesPerPixel, 1) * Math.ceil(value(TAGS.bitsPerSample, 1) / 8);
  const tileWidth = value(TAGS.tileWidth, 0);
  if (tileWidth > 0) {
    const tiles = 2 * (1 + Math.ceil(width / tileWidth));
    return tiles * tileWidth * value(TAGS.tileHeight, 0) * pixelBytes;
  }
  return 2 * width * Math.min(height, value(TAGS.rowsPerStrip, height)) * pixelBytes;
}
