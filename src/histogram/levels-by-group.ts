import { BLOCK, blocks, type Grouping } from './count.ts';
import { type Distribution, DistributionCounter } from './distribution.ts';
import { channelLevels, levelReader } from './levels.ts';
import type { Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/** Number of pixels in each group, in their order. */
export function groupSizes(raster: Raster, grouping: Grouping): Uint32Array {
  const sizes = new Uint32Array(grouping.count + 1);
  const groups = new Uint16Array(BLOCK);
  for (const [start, end] of blocks(raster)) {
    grouping.read(start, end, groups);
    for (let i = 0; i < end - start; i += 1) {
      const group = groups[i] as number;
      sizes[group] = (sizes[group] as number) + 1;
    }
  }
  return sizes.subarray(1);
}

/**
 * The levels of each group's pixels, group by group. A table for each of thousands of groups would take more memory than the
 * pixels, so the pixels' levels are brought into the order of the groups. This takes two bytes for each pixel.
 *
 * @param sizes as `groupSizes` gives them
 */
export function* levelsByGroup(
  raster: Raster,
  channel: Channel,
  grouping: Grouping,
  sizes: Uint32Array,
): Generator<Distribution, void, undefined> {
  const ends = sizes.slice();
  for (let group = 1; group < ends.length; group += 1)
    ends[group] = (ends[group] as number) + (ends[group - 1] as number);
  const ordered = orderByGroup(
    raster,
    channel,
    grouping,
    ends.map((end, group) => end - (sizes[group] as number)),
  );
  const counter = new DistributionCounter(channelLevels(raster, channel));
  for (const [group, end] of ends.entries()) {
    yield counter.count(ordered.subarray(end - (sizes[group] as number), end));
  }
}

/** @param next where each group begins; counted up to where it ends */
function orderByGroup(raster: Raster, channel: Channel, grouping: Grouping, next: Uint32Array): Uint16Array {
  const ordered = new Uint16Array(raster.width * raster.height);
  const read = levelReader(raster, channel);
  const groups = new Uint16Array(BLOCK);
  const levels = new Uint16Array(BLOCK);
  for (const [start, end] of blocks(raster)) {
    grouping.read(start, end, groups);
    read(start, end, levels);
    for (let i = 0; i < end - start; i += 1) {
      const group = groups[i] as number;
      if (group === 0) continue;
      const at = next[group - 1] as number;
      ordered[at] = levels[i] as number;
      next[group - 1] = at + 1;
    }
  }
  return ordered;
}
