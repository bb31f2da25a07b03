/**
 * One entry of a directory: its tag, 16-bit (3) or 32-bit (4) numbers, a text (2), or 32 bits each of floating-point numbers (11) and
 * of numerators and denominators (5).
 */
export type TiffEntry = [tag: number, type: 2 | 3 | 4 | 5 | 11, values: readonly number[]];

/** Stands for the offset of the data in the values of an entry. */
export const DATA = -1;

/**
 * A little-endian TIFF of one page, its directory before the data, so that a cut takes pixels and leaves the header.
 *
 * @param entries values of `DATA` and less count from the start of the data: `DATA - 10` is its eleventh byte
 */
export function writeTiff(entries: readonly TiffEntry[], data: Buffer): Buffer {
  const bytesOf = (type: number) => ({ 2: 1, 3: 2, 4: 4, 5: 4, 11: 4 })[type] ?? 0;
  const lengths = entries.map(([, type, values]) => values.length * bytesOf(type));
  const valuesAt = 8 + 2 + entries.length * 12 + 4;
  const dataAt = valuesAt + lengths.reduce((sum, length) => sum + (length > 4 ? length : 0), 0);
  const head = Buffer.alloc(dataAt);
  head.write('II*\0\x08\0\0\0', 'latin1');
  head.writeUInt16LE(entries.length, 8);
  let free = valuesAt;
  entries.forEach(([tag, type, values], index) => {
    const entry = 10 + index * 12;
    const length = lengths[index] ?? 0;
    head.writeUInt16LE(tag, entry);
    head.writeUInt16LE(type, entry + 2);
    // A fraction has two values.
    head.writeUInt32LE(type === 5 ? values.length / 2 : values.length, entry + 4);
    if (length > 4) head.writeUInt32LE(free, entry + 8);
    const at = length > 4 ? free : entry + 8;
    values.forEach((value, i) => {
      head.writeUIntLE(value < 0 ? dataAt + DATA - value : value, at + i * bytesOf(type), bytesOf(type));
    });
    if (length > 4) free += length;
  });
  return Buffer.concat([head, data]);
}

/** Uncompressed red, green, blue in strips of 8 rows or tiles of 16×16; both sides are multiples of 16. */
export function writePlainTiff(
  width: number,
  height: number,
  data: Buffer,
  { tiled = false, text = '' }: { tiled?: boolean; text?: string } = {},
): Buffer {
  const pieces = tiled ? (width * height) / 256 : height / 8;
  const bytes = data.length / pieces;
  const offsets = Array.from({ length: pieces }, (_, i) => DATA - i * bytes);
  const lengths = Array<number>(pieces).fill(bytes);
  return writeTiff(
    [
      [256, 4, [width]],
      [257, 4, [height]],
      [258, 3, [8, 8, 8]],
      [259, 3, [1]],
      [262, 3, [2]],
      ...(text === '' ? [] : [[270, 2, [...Buffer.from(`${text}\0`)]] satisfies TiffEntry]),
      ...(tiled ? [] : [[273, 4, offsets] satisfies TiffEntry]),
      [277, 3, [3]],
      ...(tiled
        ? ([
            [322, 4, [16]],
            [323, 4, [16]],
            [324, 4, offsets],
            [325, 4, lengths],
          ] satisfies TiffEntry[])
        : ([
            [278, 4, [8]],
            [279, 4, lengths],
          ] satisfies TiffEntry[])),
    ],
    data,
  );
}

/** A TIFF with a JPEG in it in the old style of TIFF 6.0 (compression 6), in one strip or tile. */
export function writeOldStyleJpegTiff(width: number, height: number, jpeg: Buffer, tiled: boolean): Buffer {
  return writeTiff(
    [
      [256, 4, [width]],
      [257, 4, [height]],
      [258, 3, [8, 8, 8]],
      [259, 3, [6]],
      [262, 3, [6]],
      ...(tiled ? [] : [[273, 4, [DATA]] satisfies TiffEntry]),
      [277, 3, [3]],
      ...(tiled
        ? ([
            [322, 4, [width]],
            [323, 4, [height]],
            [324, 4, [DATA]],
            [325, 4, [jpeg.length]],
          ] satisfies TiffEntry[])
        : ([
            [278, 4, [height]],
            [279, 4, [jpeg.length]],
          ] satisfies TiffEntry[])),
      [512, 3, [1]],
      [513, 4, [DATA]],
      [514, 4, [jpeg.length]],
      [530, 3, [2, 2]],
    ],
    jpeg,
  );
}
