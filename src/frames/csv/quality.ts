/** How the depths of a log follow each other in its file. */
export type DepthOrder = 'ascending' | 'descending' | 'unsorted';

/** A place where the depth jumps by more than 1.5 times the typical step. */
export interface Gap {
  /** Row after the jump, counted from 1 after the header. */
  row: number;
  from_depth: number;
  to_depth: number;
}

/** What is known of a log's rows once it is read, found in one pass and constant memory. */
export interface QualityReport {
  /** Rows kept. */
  rows: number;
  /** Rows skipped because all their cells are empty, blank lines included. */
  empty_rows: number;
  /** Rows with faults: skipped, where that was asked for. */
  bad_rows: number;
  /** Missing pixels in kept rows. */
  null_pixels: number;
  depth_min: number | null;
  depth_max: number | null;
  /** Range of the present pixels; null where there are none. */
  value_min: number | null;
  value_max: number | null;
  depth_order: DepthOrder;
  /** Rows whose depth is less than the one before. */
  descents: number;
  /** Rows whose depth equals the one before. All duplicates where the log is sorted, a lower bound where not. */
  duplicate_depths: number;
  /** Sizes of the steps from row to row that aren't 0, in depth units; null for a log without one. */
  step: { typical: number; min: number; max: number; mean: number } | null;
  /** Steps of more than 1.5 typical ones. */
  gaps: number;
  /** The greatest of them, up to 20, greatest first. */
  largest_gaps: Gap[];
  /** Whether `step.typical` and `gaps` are exact: up to 1,024 different steps, told apart to 0.000001. */
  steps_exact: boolean;
}

const RESOLUTION = 1e6;
const MAX_STEPS = 1024;
const MAX_GAPS = 20;
const GAP_FACTOR = 1.5;

interface Jump extends Gap {
  size: number;
}

/** Gathers a `QualityReport` row by row. */
export class QualityTracker {
  emptyRows = 0;
  /** Rows kept. */
  rows = 0;

  private nullPixels = 0;
  private valueMin = 256;
  private valueMax = -1;
  private previous = 0;
  private depthMin = Number.POSITIVE_INFINITY;
  private depthMax = Number.NEGATIVE_INFINITY;
  private ascents = 0;
  private descents = 0;
  private duplicates = 0;
  private stepMin = Number.POSITIVE_INFINITY;
  private stepMax = 0;
  private stepSum = 0;
  /** How often each step (in units of 1/RESOLUTION) came. */
  private readonly steps = new Map<number, number>();
  private untracked = 0;
  /** Most steps are alike: a counter beside the map spares it the lookups. */
  private lastStep = -1;
  private lastCount = 0;
  private readonly jumps: Jump[] = [];
  private smallestJump = 0;

  /** Takes the depth of the next row kept, `row` being its position in the file. */
  addDepth(depth: number, row: number): void {
    const delta = depth - this.previous;
    if (depth < this.depthMin) this.depthMin = depth;
    if (depth > this.depthMax) this.depthMax = depth;
    if (this.rows++ > 0) {
      if (delta === 0) this.duplicates++;
      else this.addStep(delta, depth, row);
    }
    this.previous = depth;
  }

  /** Takes how many pixels of a row are missing, and the range of the others (256 and -1 where there are none). */
  addPixels(missing: number, min: number, max: number): void {
    this.nullPixels += missing;
    if (min < this.valueMin) this.valueMin = min;
    if (max > this.valueMax) this.valueMax = max;
  }

  /** The report of what came so far. `badRows` is what the caller counted. */
  report(badRows: number): QualityReport {
    this.flushStep();
    const { rows, ascents, descents } = this;
    const typical = this.typicalStep();
    const threshold = typical * GAP_FACTOR;
    let gaps = 0;
    for (const [step, count] of this.steps) if (step / RESOLUTION > threshold) gaps += count;
    const taken = ascents + descents;
    const values = this.valueMax >= 0;
    return {
      rows,
      empty_rows: this.emptyRows,
      bad_rows: badRows,
      null_pixels: this.nullPixels,
      depth_min: rows > 0 ? this.depthMin : null,
      depth_max: rows > 0 ? this.depthMax : null,
      value_min: values ? this.valueMin : null,
      value_max: values ? this.valueMax : null,
      depth_order: descents === 0 ? 'ascending' : ascents === 0 ? 'descending' : 'unsorted',
      descents,
      duplicate_depths: this.duplicates,
      step:
        taken === 0 ? null : { typical, min: this.stepMin, max: this.stepMax, mean: this.stepSum / taken },
      gaps,
      largest_gaps: this.jumps
        .filter((jump) => jump.size > threshold)
        .map(({ row, from_depth, to_depth }) => ({ row, from_depth, to_depth })),
      steps_exact: this.untracked === 0,
    };
  }

  private addStep(delta: number, depth: number, row: number): void {
    const size = Math.abs(delta);
    if (delta > 0) this.ascents++;
    else this.descents++;
    if (size < this.stepMin) this.stepMin = size;
    if (size > this.stepMax) this.stepMax = size;
    this.stepSum += size;
    const step = Math.round(size * RESOLUTION);
    if (step === this.lastStep) {
      this.lastCount++;
    } else {
      this.flushStep();
      this.lastStep = step;
      this.lastCount = 1;
    }
    if (size > this.smallestJump) this.addJump({ size, row, from_depth: this.previous, to_depth: depth });
  }

  private flushStep(): void {
    if (this.lastCount === 0) return;
    const count = this.steps.get(this.lastStep);
    if (count === undefined && this.steps.size >= MAX_STEPS) this.untracked += this.lastCount;
    else this.steps.set(this.lastStep, (count ?? 0) + this.lastCount);
    this.lastCount = 0;
    this.lastStep = -1;
  }

  /** Keeps the greatest jumps; the first of equal ones. */
  private addJump(jump: Jump): void {
    const { jumps } = this;
    const at = jumps.findIndex((other) => other.size < jump.size);
    jumps.splice(at < 0 ? jumps.length : at, 0, jump);
    if (jumps.length > MAX_GAPS) jumps.pop();
    if (jumps.length === MAX_GAPS) this.smallestJump = (jumps.at(-1) as Jump).size;
  }

  /** The most frequent step, the smaller one of equals. */
  private typicalStep(): number {
    let typical = 0;
    let most = 0;
    for (const [step, count] of this.steps) {
      if (count > most || (count === most && step < typical)) {
        typical = step;
        most = count;
      }
    }
    return typical / RESOLUTION;
  }
}
