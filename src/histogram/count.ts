import { channelLevels, levelReader, storedBand } from './levels.ts';
import type { Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/** Pixels looked at together, so that all channels are counted while the pixels are in the processor's cache. */
const BLOCK = 16_384;

/** Divides pixels into groups that are counted apart. */
export interface Grouping {
  /** Number of groups, at most 65,535. */
  count: number;
  /**
   * Writes the group, 1 to `count`, of each pixel from `start` to before `end` to the beginning of `out`; 0 leaves
   * the pixel out.
   */
  read(start: number, end: number, out: Uint16Array): void;
}

/** Counts by channel, group and level. */
export interface LevelCounts {
  /** Pixels in each group. */
  pixels: number[];
  /** For each channel and group the number of pixels at each level. Pixels without a hue are at none. */
  tables: Uint32Array[][];
}

/** Counts how many pixels have each level. Without `grouping` all pixels are one group. */
export function countLevels(raster: Raster, channels: readonly Channel[], grouping?: Grouping): LevelCounts {
  const { samples, stride } = raster;
  const pixels = raster.width * raster.height;
  const groupCount = grouping?.count ?? 1;
  const groups = new Uint16Array(BLOCK).fill(1);
  const levels = new Uint16Array(BLOCK);
  const counters = channels.map((channel) => {
    const levelCount = channelLevels(raster, channel);
    // The last entry is for the pixels without a hue.
    const size = levelCount + 1;
    // Group 0 is counted like the others: a store costs less than a branch that is mispredicted.
    const table = new Uint32Array((groupCount + 1) * size);
    const band = grouping === undefined ? storedBand(raster, channel) : null;
    return { levelCount, size, table, band, read: levelReader(raster, channel) };
  });
  for (let start = 0; start < pixels; start += BLOCK) {
    const end = Math.min(start + BLOCK, pixels);
    grouping?.read(start, end, groups);
    for (const { size, table, band, read } of counters) {
      if (band !== null) {
        countBand(table.subarray(size), samples, stride, start * stride + band, end * stride);
      } else {
        read(start, end, levels);
        countGrouped(table, size, groups, levels, end - start);
      }
    }
  }
  const tables = counters.map(({ size, table }) =>
    Array.from({ length: groupCount }, (_, i) => table.subarray((i + 1) * size, (i + 2) * size)),
  );
  return {
    pixels: (tables[0] ?? []).map((table) => table.reduce((total, count) => total + count, 0)),
    tables: tables.map((ofGroups, i) => ofGroups.map((table) => table.subarray(0, counters[i]?.levelCount))),
  };
}

/** Counts every `stride`-th sample, which are those of one band; two a step, because one a step takes twice as long. */
function countBand(
  table: Uint32Array,
  samples: Raster['samples'],
  stride: number,
  first: number,
  end: number,
): void {
  let at = first;
  for (; at + stride < end; at += 2 * stride) {
    const level = samples[at] as number;
    const next = samples[at + stride] as number;
    table[level] = (table[level] as number) + 1;
    table[next] = (table[next] as number) + 1;
  }
  if (at < end) {
    const level = samples[at] as number;
    table[level] = (table[level] as number) + 1;
  }
}

function countGrouped(
  table: Uint32Array,
  size: number,
  groups: Uint16Array,
  levels: Uint16Array,
  length: number,
): void {
  for (let i = 0; i < length; i += 1) {
    const at = Math.imul(groups[i] as number, size) + (levels[i] as number);
    table[at] = (table[at] as number) + 1;
  }
}
