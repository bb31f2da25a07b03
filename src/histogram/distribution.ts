/** How many pixels are at each level of a channel. */
export interface Distribution {
  /** The levels that occur, ascending. */
  levels: Uint16Array;
  /** Number of pixels at each of them. */
  counts: Uint32Array;
  /** Number of levels that the channel can have. */
  levelCount: number;
}

/** @param table the number of pixels at every level that the channel can have */
export function distributionOf(table: Uint32Array): Distribution {
  const occurring = table.reduce((total, count) => total + (count > 0 ? 1 : 0), 0);
  const levels = new Uint16Array(occurring);
  const counts = new Uint32Array(occurring);
  let at = 0;
  for (let level = 0; level < table.length; level += 1) {
    const count = table[level] as number;
    if (count === 0) continue;
    levels[at] = level;
    counts[at] = count;
    at += 1;
  }
  return { levels, counts, levelCount: table.length };
}

/** Counts the levels of one group of pixels after the other, in time that depends on the pixels and hardly on the levels. */
export class DistributionCounter {
  /** Number of pixels at each level; zeros between two calls. */
  readonly #table: Uint32Array;
  /** A bit for each level that occurs; likewise. */
  readonly #occurs: Uint32Array;

  constructor(levelCount: number) {
    this.#table = new Uint32Array(levelCount);
    this.#occurs = new Uint32Array(Math.ceil(levelCount / 32));
  }

  /** @param pixels the level of each pixel, in any order. Those of `levelCount` and above are left out */
  count(pixels: Uint16Array): Distribution {
    const [table, occurs] = [this.#table, this.#occurs];
    let occurring = 0;
    for (let i = 0; i < pixels.length; i += 1) {
      const level = pixels[i] as number;
      if (level >= table.length) continue;
      const before = table[level] as number;
      table[level] = before + 1;
      if (before > 0) continue;
      occurring += 1;
      occurs[level >>> 5] = (occurs[level >>> 5] as number) | (1 << (level & 31));
    }
    const levels = new Uint16Array(occurring);
    const counts = new Uint32Array(occurring);
    for (let word = 0, at = 0; at < occurring; word += 1) {
      for (let bits = occurs[word] as number; bits !== 0; bits &= bits - 1, at += 1) {
        const level = word * 32 + 31 - Math.clz32(bits & -bits);
        levels[at] = level;
        counts[at] = table[level] as number;
        table[level] = 0;
      }
      occurs[word] = 0;
    }
    return { levels, counts, levelCount: table.length };
  }
}
