import { inPieces, type ReadAt } from './read-at.ts';
import type { Size } from './types.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const GRAPHIC_CONTROL = 0xf9;

/** Methods of disposal: what happens to a page's area before the next one is drawn. */
export const CLEAR = 2;
export const RESTORE = 3;

/** A picture of a GIF, which a page draws on those before. */
export interface GifImage {
  left: number;
  top: number;
  width: number;
  height: number;
  disposal: number;
  hasTransparentColor: boolean;
  /** Offset of its graphic control extension, if it has one. */
  controlAt: number | undefined;
  /** Offset of its descriptor. */
  at: number;
}

export interface GifFacts extends Size {
  /** Offset of the first block. */
  blocksAt: number;
  /** The first 10,000. */
  images: GifImage[];
}

const MAX_IMAGES = 10_000;

/**
 * Reads the places of a GIF's pictures, and checks that all blocks are complete, up to its trailer or to anything that is not a block,
 * and that an animation has a trailer. libnsgif reads a truncated animation as a shorter one and draws its last page in part.
 *
 * Format: GIF89a, sections 15 to 27.
 *
 * @throws Error if the file ends within a block, or between two blocks of an animation
 */
export function readGif(readAt: ReadAt): GifFacts {
  const bytesFrom = inPieces(readAt, 10);
  const byteAt = (offset: number): number | undefined => bytesFrom(offset)[0];
  const required = (offset: number): number => {
    const byte = byteAt(offset);
    if (byte === undefined) throw new Error('its data ends early');
    return byte;
  };
  const wordAt = (offset: number) => required(offset) + 256 * required(offset + 1);
  const afterTable = (offset: number, flags: number) =>
    flags & 0x80 ? offset + 3 * 2 ** ((flags & 7) + 1) : offset;
  const afterSubBlocks = (from: number): number => {
    let offset = from;
    for (let length = required(offset); length > 0; length = required(offset)) offset += 1 + length;
    return offset + 1;
  };

  const blocksAt = afterTable(13, required(10));
  const images: GifImage[] = [];
  let count = 0;
  let controlAt: number | undefined;
  for (let offset = blocksAt; ; ) {
    const kind = byteAt(offset);
    if (kind === EXTENSION) {
      if (required(offset + 1) === GRAPHIC_CONTROL) controlAt = offset;
      offset = afterSubBlocks(offset + 2);
    } else if (kind === IMAGE) {
      const flags = controlAt === undefined ? 0 : required(controlAt + 3);
      const image = {
        left: wordAt(offset + 1),
        top: wordAt(offset + 3),
        width: wordAt(offset + 5),
        height: wordAt(offset + 7),
        disposal: (flags >> 2) & 7,
        hasTransparentColor: (flags & 1) === 1,
        controlAt,
        at: offset,
      };
      count += 1;
      if (count <= MAX_IMAGES) images.push(image);
      controlAt = undefined;
      // Place, size and flags, then a table of colours, and the size of the first code before the data.
      offset = afterSubBlocks(afterTable(offset + 10, required(offset + 9)) + 1);
    }
    // Some encoders omit the trailer of a single image.
    else if (kind === undefined && count !== 1) throw new Error('its data ends early');
    else return { ...canvasOf({ width: wordAt(6), height: wordAt(8) }, images), blocksAt, images };
  }
}

/** As in all decoders, the first picture makes the canvas larger if it does not fit. */
function canvasOf(screen: Size, [first]: readonly GifImage[]): Size {
  if (first === undefined) return screen;
  return {
    width: Math.max(screen.width, first.left + first.width),
    height: Math.max(screen.height, first.top + first.height),
  };
}
