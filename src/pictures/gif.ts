import { inPieces, type ReadAt } from './read-at.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;

/**
 * Checks that all blocks of a GIF are complete, up to its trailer or to anything that is not a block, and that an animation has a
 * trailer. libnsgif reads a truncated animation as a shorter one and draws its last page in part.
 *
 * Format: GIF89a, sections 15 to 27.
 *
 * @throws Error if the file ends within a block, or between two blocks of an animation
 */
export function checkGifBlocks(readAt: ReadAt): void {
  const bytesFrom = inPieces(readAt, 1);
  const byteAt = (offset: number): number | undefined => bytesFrom(offset)[0];
  const required = (offset: number): number => {
    const byte = byteAt(offset);
    if (byte === undefined) throw new Error('its data ends early');
    return byte;
  };
  const afterTable = (offset: number, flags: number) =>
    flags & 0x80 ? offset + 3 * 2 ** ((flags & 7) + 1) : offset;
  const afterSubBlocks = (from: number): number => {
    let offset = from;
    for (let length = required(offset); length > 0; length = required(offset)) offset += 1 + length;
    return offset + 1;
  };

  let offset = afterTable(13, required(10));
  for (let images = 0; ; ) {
    const kind = byteAt(offset);
    if (kind === IMAGE) images += 1;
    if (kind === EXTENSION) offset = afterSubBlocks(offset + 2);
    // Place, size and flags, then a table of colours, and the size of the first code before the data.
    else if (kind === IMAGE) offset = afterSubBlocks(afterTable(offset + 10, required(offset + 9)) + 1);
    // Some encoders omit the trailer of a single image.
    else if (kind === undefined && images !== 1) throw new Error('its data ends early');
    else return;
  }
}
