import { channelLevels, levelReader, storedBand } from './levels.ts';
import { levelsOf, type Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/** Number of pixels whose levels are read together; few enough to stay in the processor's cache. */
export const BLOCK = 16_384;

/** Divides pixels into groups that are counted separately. */
export interface Grouping {
  /** Number of groups, at most 65,535. */
  count: number;
  /**
   * Writes the group, 1 to `count`, of each pixel from `start` to before `end` to the beginning of `out`; a pixel in
   * group 0 is left out.
   */
  read(start: number, end: number, out: Uint16Array): void;
}

interface LevelCounts {
  /** Number of pixels counted. */
  pixels: number;
  /** Number of pixels by channel and level. Pixels without a hue are not counted as hue. */
  tables: Uint32Array[];
}

/**
 * Counts the pixels at each level.
 *
 * @param selection those in group 1 are counted; without it, all are
 */
export function countLevels(raster: Raster, channels: readonly Channel[], selection?: Grouping): LevelCounts {
  return selection === undefined ? countAll(raster, channels) : countSelected(raster, channels, selection);
}

function countAll(raster: Raster, channels: readonly Channel[]): LevelCounts {
  const bands = channels.some((channel) => storedBand(raster, channel) !== null) ? countBands(raster) : [];
  const levels = new Uint16Array(BLOCK);
  const tables = channels.map((channel) => {
    const stored = bands[storedBand(raster, channel) ?? -1];
    if (stored !== undefined) return stored;
    const { table, read } = channelCounter(raster, channel, 1);
    for (const [start, end] of blocks(raster)) {
      read(start, end, levels);
      for (let i = 0; i < end - start; i += 1) tally(table, levels[i] as number);
    }
    return table.subarray(0, channelLevels(raster, channel));
  });
  return { pixels: raster.width * raster.height, tables };
}

function countSelected(
  raster: Raster,
  channels: readonly Channel[],
  { read: readGroups }: Grouping,
): LevelCounts {
  // The pixels left out are counted, too: a store costs less than a mispredicted branch.
  const counters = channels.map((channel) => channelCounter(raster, channel, 2));
  const groups = new Uint16Array(BLOCK);
  const levels = new Uint16Array(BLOCK);
  let pixels = 0;
  for (const [start, end] of blocks(raster)) {
    readGroups(start, end, groups);
    for (let i = 0; i < end - start; i += 1) pixels += groups[i] as number;
    for (const { table, size, read } of counters) {
      read(start, end, levels);
      for (let i = 0; i < end - start; i += 1) {
        tally(table, Math.imul(groups[i] as number, size) + (levels[i] as number));
      }
    }
  }
  return {
    pixels,
    tables: counters.map(({ table, size }, i) =>
      table.subarray(size, size + channelLevels(raster, channels[i] ?? 'grey')),
    ),
  };
}

/** The pixels in blocks, each from its first to before its last. */
export function* blocks({ width, height }: Raster): Generator<[start: number, end: number]> {
  const pixels = width * height;
  for (let start = 0; start < pixels; start += BLOCK) yield [start, Math.min(start + BLOCK, pixels)];
}

function channelCounter(raster: Raster, channel: Channel, groups: number) {
  // One more entry for pixels without a hue.
  const size = channelLevels(raster, channel) + (channel === 'hue' ? 1 : 0);
  return { size, table: new Uint32Array(groups * size), read: levelReader(raster, channel) };
}

/** Counts the stored samples of all bands in one pass; a table for each band. */
function countBands({ samples, stride, bitDepth }: Raster): Uint32Array[] {
  const table = () => new Uint32Array(levelsOf({ bitDepth }));
  const [first, second, third, fourth] = [table(), table(), table(), table()];
  // One loop for each number of bands: with a variable stride it would take twice as long.
  if (stride === 1) for (const level of samples) tally(first, level);
  for (let at = 0; stride === 2 && at < samples.length; at += 2) {
    tally(first, samples[at] as number);
    tally(second, samples[at + 1] as number);
  }
  for (let at = 0; stride === 3 && at < samples.length; at += 3) {
    tally(first, samples[at] as number);
    tally(second, samples[at + 1] as number);
    tally(third, samples[at + 2] as number);
  }
  for (let at = 0; stride === 4 && at < samples.length; at += 4) {
    tally(first, samples[at] as number);
    tally(second, samples[at + 1] as number);
    tally(third, samples[at + 2] as number);
    tally(fourth, samples[at + 3] as number);
  }
  return [first, second, third, fourth];
}

function tally(table: Uint32Array, at: number): void {
  table[at] = (table[at] as number) + 1;
}
