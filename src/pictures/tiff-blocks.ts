import type { ReadAt } from './read-at.ts';
import { type TiffDirectory, TiffReader, tiffDirectories } from './tiff.ts';

const TAGS = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  stripOffsets: 273,
  samplesPerPixel: 277,
  stripBytes: 279,
  rowsPerStrip: 278,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
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

/** Whether a strip or a tile of a page reaches past the end of the file. */
export function isCutOff(readAt: ReadAt, { entries }: TiffDirectory): boolean {
  const tiff = new TiffReader(readAt);
  const valuesOf = (...tags: number[]): number[] => {
    const entry = entries.find(({ tag }) => tags.includes(tag));
    if (entry === undefined || entry.count === 0) return [];
    const size = entry.length / entry.count;
    const bytes = tiff.valuesOf(entry, entry.length);
    return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
      tiff.number(bytes, i * size, entry.type),
    );
  };
  const lengths = valuesOf(TAGS.stripBytes, TAGS.tileBytes);
  return valuesOf(TAGS.stripOffsets, TAGS.tileOffsets).some((offset, index) => {
    const length = lengths[index] ?? 0;
    return length > 0 && readAt(offset + length - 1, 1).length === 0;
  });
}
