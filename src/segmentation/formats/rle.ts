import { extractRuns } from '../labels/components.ts';
import type { LabelMap } from '../labels/labels.ts';

/** Runs of each label in column-major order, as COCO counts pixels: a position is x · height + y. */
export interface ColumnRuns {
  /** Index of each label's first run, and of the end. */
  first: Int32Array;
  /** Position of each run's first pixel, ascending within a label. */
  start: Int32Array;
  /** Position after each run's last pixel. */
  end: Int32Array;
}

/** Side of the blocks in which a map is transposed, so that both reads and writes stay in the cache. */
const BLOCK = 64;

/** The runs of all labels of a map. */
export function columnRuns({ width, height, data }: LabelMap): ColumnRuns {
  const transposed = new Uint16Array(data.length);
  for (let top = 0; top < height; top += BLOCK) {
    for (let left = 0; left < width; left += BLOCK) {
      const bottom = Math.min(height, top + BLOCK);
      const right = Math.min(width, left + BLOCK);
      for (let x = left; x < right; x++) {
        for (let y = top; y < bottom; y++) transposed[x * height + y] = data[y * width + x] as number;
      }
    }
  }
  const runs = extractRuns(transposed, height, width);
  let labels = 0;
  for (const label of runs.value) labels = Math.max(labels, label);
  const first = new Int32Array(labels + 2);
  for (const label of runs.value) first[label + 1] = (first[label + 1] as number) + 1;
  for (let label = 0; label <= labels; label++) {
    first[label + 1] = (first[label + 1] as number) + (first[label] as number);
  }
  const start = new Int32Array(runs.value.length);
  const end = new Int32Array(runs.value.length);
  const cursor = first.slice();
  for (let x = 0; x < width; x++) {
    for (let run = runs.rows[x] as number; run < (runs.rows[x + 1] as number); run++) {
      const label = runs.value[run] as number;
      const at = cursor[label] as number;
      cursor[label] = at + 1;
      start[at] = x * height + (runs.start[run] as number);
      end[at] = x * height + (runs.end[run] as number);
    }
  }
  return { first, start, end };
}

/**
 * COCO's uncompressed run lengths of one label: background and foreground in turn, beginning with background (0 if the
 * first pixel is foreground). They add up to `size`, the number of pixels.
 */
export function rleCounts({ first, start, end }: ColumnRuns, label: number, size: number): number[] {
  const counts: number[] = [];
  let position = 0;
  for (let run = first[label] as number; run < (first[label + 1] as number); run++) {
    const from = start[run] as number;
    const to = end[run] as number;
    if (from === position && counts.length > 0) {
      // The run continues from the bottom of one column to the top of the next.
      counts.push((counts.pop() ?? 0) + to - from);
    } else {
      counts.push(from - position, to - from);
    }
    position = to;
  }
  if (position < size || counts.length === 0) counts.push(size - position);
  return counts;
}

/**
 * COCO's compressed run lengths, as pycocotools' `rleToString` writes them. From the fourth on, a count is the difference
 * to the one two places before it. It is written in groups of five bits, low ones first; a sixth bit says that more
 * groups follow. Each group is an ASCII character, from 48 on.
 */
export function compressCounts(counts: readonly number[]): string {
  const characters: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let rest = (counts[i] as number) - (i > 2 ? (counts[i - 2] as number) : 0);
    for (let hasMore = true; hasMore; ) {
      const group = rest & 0x1f;
      rest >>= 5;
      hasMore = (group & 0x10) !== 0 ? rest !== -1 : rest !== 0;
      characters.push((hasMore ? group | 0x20 : group) + 48);
    }
  }
  return Buffer.from(characters).toString('latin1');
}
