import { channelLevels, levelReader, storedBand } from './levels.ts';
import type { Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/**
 * Pixels looked at together, so that several channels are counted while the pixels are in the processor's cache: the
 * memory is passed over once. A multiple of 12 keeps blocks of any stride whole groups of three 32-bit words.
 */
const BLOCK = 12 * 2048;

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
  return grouping === undefined ? countAll(raster, channels) : countGroups(raster, channels, grouping);
}

function countAll(raster: Raster, channels: readonly Channel[]): LevelCounts {
  const stored = bandCounter(raster);
  const computed = channels.map((channel) =>
    storedBand(raster, channel) === null ? channelCounter(raster, channel, 1) : null,
  );
  const hasStored = computed.includes(null);
  const levels = new Uint16Array(BLOCK);
  for (const [start, end] of blocks(raster)) {
    if (hasStored) stored.add(start, end);
    for (const counter of computed) {
      if (counter === null) continue;
      counter.read(start, end, levels);
      countSimple(counter.table, levels, end - start);
    }
  }
  const bands = stored.totals();
  const tables = channels.map((channel, i) => {
    const table = computed[i]?.table ?? bands[storedBand(raster, channel) ?? 0] ?? new Uint32Array();
    return [table.subarray(0, channelLevels(raster, channel))];
  });
  return { pixels: [raster.width * raster.height], tables };
}

function countGroups(raster: Raster, channels: readonly Channel[], grouping: Grouping): LevelCounts {
  // Group 0, the pixels left out, is counted like the others: a store costs less than a branch that is mispredicted.
  const counters = channels.map((channel) => channelCounter(raster, channel, grouping.count + 1));
  const groups = new Uint16Array(BLOCK);
  const levels = new Uint16Array(BLOCK);
  for (const [start, end] of blocks(raster)) {
    grouping.read(start, end, groups);
    for (const { table, size, read } of counters) {
      read(start, end, levels);
      countGrouped(table, size, groups, levels, end - start);
    }
  }
  const byGroup = counters.map(({ table, size }) =>
    Array.from({ length: grouping.count }, (_, i) => table.subarray((i + 1) * size, (i + 2) * size)),
  );
  return {
    pixels: (byGroup[0] ?? []).map((table) => table.reduce((total, count) => total + count, 0)),
    tables: byGroup.map((tables, i) =>
      tables.map((table) => table.subarray(0, channelLevels(raster, channels[i] ?? 'grey'))),
    ),
  };
}

function* blocks({ width, height }: Raster): Generator<[start: number, end: number]> {
  const pixels = width * height;
  for (let start = 0; start < pixels; start += BLOCK) yield [start, Math.min(start + BLOCK, pixels)];
}

function channelCounter(raster: Raster, channel: Channel, groups: number) {
  // One more entry for the pixels without a hue.
  const size = channelLevels(raster, channel) + (channel === 'hue' ? 1 : 0);
  return { size, table: new Uint32Array(groups * size), read: levelReader(raster, channel) };
}

function countSimple(table: Uint32Array, levels: Uint16Array, length: number): void {
  for (let i = 0; i < length; i += 1) {
    tally(table, levels[i] ?? 0);
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
    tally(table, Math.imul(groups[i] ?? 0, size) + (levels[i] ?? 0));
  }
}

/** Counts all bands at once; `totals` gives one table of levels for each. */
interface BandCounter {
  add(start: number, end: number): void;
  totals(): Uint32Array[];
}

function bandCounter({ samples, stride }: Raster): BandCounter {
  return samples instanceof Uint8Array ? byteCounter(samples, stride) : wordCounter(samples, stride);
}

/**
 * 8-bit samples, read as 32-bit words, each of the 12 bytes of three words into a table of its own. 12 is a multiple
 * of every stride, so that a byte's place names its band; and neighbours of one level, the rule in pictures, do not
 * wait for each other's counter. Measured on the 18.2 MB of a 2725×2225 RGB photo: 10.8 ms, against 16.4 ms for the
 * plain loop over bytes with a table a band, 13.0 ms for words with two tables a band, 18 ms for bytes with two, and
 * 9.9 ms for counting pairs of bytes in 65,536 entries, which needs 768 KiB and loses that on small pictures.
 */
function byteCounter(samples: Uint8Array, stride: number): BandCounter {
  const bytes = samples.byteOffset % 4 === 0 ? samples : samples.slice();
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const h = new Uint32Array(12 * 256);
  return {
    add(start, end) {
      const groups = Math.floor(((end - start) * stride) / 12);
      countWords(h, words, (start * stride) / 4, groups * 3);
      for (let at = start * stride + groups * 12; at < end * stride; at += 1) {
        tally(h, ((at % 12) << 8) | (bytes[at] ?? 0));
      }
    },
    totals() {
      const bands = Array.from({ length: stride }, () => new Uint32Array(256));
      for (let place = 0; place < 12; place += 1) {
        bands[place % stride]?.forEach((count, level, band) => {
          band[level] = count + (h[place * 256 + level] ?? 0);
        });
      }
      return bands;
    },
  };
}

function countWords(h: Uint32Array, words: Uint32Array, first: number, length: number): void {
  for (let i = first; i < first + length; i += 3) {
    const x = words[i] ?? 0;
    const y = words[i + 1] ?? 0;
    const z = words[i + 2] ?? 0;
    tally(h, x & 255);
    tally(h, 256 | ((x >>> 8) & 255));
    tally(h, 512 | ((x >>> 16) & 255));
    tally(h, 768 | (x >>> 24));
    tally(h, 1024 | (y & 255));
    tally(h, 1280 | ((y >>> 8) & 255));
    tally(h, 1536 | ((y >>> 16) & 255));
    tally(h, 1792 | (y >>> 24));
    tally(h, 2048 | (z & 255));
    tally(h, 2304 | ((z >>> 8) & 255));
    tally(h, 2560 | ((z >>> 16) & 255));
    tally(h, 2816 | (z >>> 24));
  }
}

/** Small enough to be inlined; the fallback is never taken and V8 drops it. */
function tally(table: Uint32Array, at: number): void {
  table[at] = (table[at] ?? 0) + 1;
}

/** 16-bit samples: a table of 65,536 entries a band. More tables than that would no longer fit a cache. */
function wordCounter(samples: Uint16Array, stride: number): BandCounter {
  const bands = Array.from({ length: stride }, () => new Uint32Array(65_536));
  return {
    add(start, end) {
      bands.forEach((table, band) => {
        for (let at = start * stride + band; at < end * stride; at += stride) {
          tally(table, samples[at] ?? 0);
        }
      });
    },
    totals: () => bands,
  };
}
