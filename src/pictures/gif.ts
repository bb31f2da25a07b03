import type { ReadAt } from './read-at.ts';

const WINDOW_BYTES = 64 * 1024;

const EXTENSION = 0x21;
const IMAGE = 0x2c;

/**
 * Checks that all blocks of a GIF are complete, up to its trailer or to anything that is not a block. libnsgif reads a truncated
 * animation as a shorter one and draws its last page in part.
 *
 * Format: GIF89a, sections 15 to 27.
 *
 * @throws Error if the file ends within a block
 */
export function checkGifBlocks(readAt: ReadAt): void {
  let window = readAt(0, WINDOW_BYTES);
  let start = 0;
  const byteAt = (offset: number): number | undefined => {
    if (offset >= start + window.length && window.length > 0) {
      window = readAt(offset, WINDOW_BYTES);
      start = offset;
    }
    return window[offset - start];
  };
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
  for (;;) {
    const kind = byteAt(offset);
    if (kind === EXTENSION) offset = afterSubBlocks(offset + 2);
    // Place, size and flags, then a table of colours, and the size of the first code before the data.
    else if (kind === IMAGE) offset = afterSubBlocks(afterTable(offset + 10, required(offset + 9)) + 1);
    else return;
  }
}
