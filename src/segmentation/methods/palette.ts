import { colorChannels, type Picture } from '../labels/picture.ts';

/**
 * The distinct colours of a picture. Work that depends only on a pixel's colour is done once for each colour, because
 * there are far fewer of them than pixels.
 */
export interface Palette {
  /** `red << 16 | green << 8 | blue`, or the level of grey; ascending. */
  keys: Uint32Array;
  /** Number of pixels of each colour, at least 1. */
  counts: Uint32Array;
  /** A table indexed by key that the caller may overwrite; 0 if the colour does not occur. */
  table: Uint32Array;
}

/** Counts the colours of the pixels that are not `hidden`. */
export function countColors(picture: Picture, hidden: Uint8Array | null): Palette {
  const { channels, data } = picture;
  const isGrey = colorChannels(picture) === 1;
  const table = new Uint32Array(isGrey ? 256 : 1 << 24);
  const pixels = picture.width * picture.height;
  for (let i = 0, j = 0; i < pixels; i++, j += channels) {
    if (hidden !== null && hidden[i] !== 0) continue;
    const key = isGrey ? (data[j] as number) : colorKey(data, j);
    table[key] = (table[key] as number) + 1;
  }
  let size = 0;
  for (let key = 0; key < table.length; key++) if (table[key] !== 0) size++;
  const keys = new Uint32Array(size);
  const counts = new Uint32Array(size);
  for (let key = 0, i = 0; i < size; key++) {
    const count = table[key] as number;
    if (count === 0) continue;
    keys[i] = key;
    counts[i] = count;
    i++;
  }
  return { keys, counts, table };
}

/** Red, green and blue of a key. */
export function colorOfKey(key: number, isGrey: boolean): [number, number, number] {
  return isGrey ? [key, key, key] : [key >> 16, (key >> 8) & 255, key & 255];
}

/** The class of each pixel, from the class of each key; hidden pixels get 0. */
export function classifyByColor(
  picture: Picture,
  hidden: Uint8Array | null,
  palette: Palette,
  classOf: Uint8Array,
): Uint8Array {
  const { channels, data } = picture;
  const isGrey = colorChannels(picture) === 1;
  const { table, keys } = palette;
  for (let i = 0; i < keys.length; i++) table[keys[i] as number] = classOf[i] as number;
  const classes = new Uint8Array(picture.width * picture.height);
  for (let i = 0, j = 0; i < classes.length; i++, j += channels) {
    if (hidden !== null && hidden[i] !== 0) continue;
    classes[i] = table[isGrey ? (data[j] as number) : colorKey(data, j)] as number;
  }
  return classes;
}

function colorKey(data: Uint8Array, at: number): number {
  return ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
}
