import { type Static, Type } from '@sinclair/typebox';
import { Nullable, NullableRef, StringEnum } from '../../core/schema.ts';
import { Depth } from './row.ts';

export const GapSchema = Type.Object(
  { row: Type.Integer({ description: 'The row after the jump.' }), from_depth: Depth(), to_depth: Depth() },
  { $id: 'DepthGap', description: 'A jump in depth of more than 1.5 typical steps.' },
);
type Gap = Static<typeof GapSchema>;

export const StepSchema = Type.Object(
  {
    typical: Type.Number({ description: 'The most frequent step.' }),
    min: Type.Number(),
    max: Type.Number(),
    mean: Type.Number(),
  },
  { $id: 'DepthStep', description: 'Steps from row to row, in depth units, regardless of direction.' },
);

/** What is known of a log's rows once it is read. */
export const QualityReportSchema = Type.Object({
  rows: Type.Integer({ description: 'Rows kept.' }),
  empty_rows: Type.Integer({ description: 'Rows skipped because all their cells are empty.' }),
  bad_rows: Type.Integer({ description: 'Rows skipped because of faults.' }),
  null_pixels: Type.Integer({ description: 'Missing pixels in kept rows.' }),
  depth_min: Nullable('number'),
  depth_max: Nullable('number'),
  value_min: Nullable('integer'),
  value_max: Nullable('integer'),
  depth_order: StringEnum(['ascending', 'descending', 'unsorted']),
  descents: Type.Integer({ description: 'Rows with a smaller depth than the row before.' }),
  duplicate_depths: Type.Integer({ description: 'Rows with the same depth as the row before.' }),
  step: NullableRef(StepSchema, { description: 'Null if there is only one depth.' }),
  gaps: Type.Integer(),
  largest_gaps: Type.Unsafe<Gap[]>(Type.Array(Type.Ref('DepthGap'))),
  steps_exact: Type.Boolean({ description: 'False if there are more than 1,024 different steps.' }),
});
export type QualityReport = Static<typeof QualityReportSchema>;

/** The quality report of a stored frame set: the column holds what this service has written. */
export function qualityOf({ quality }: { quality: unknown }): QualityReport {
  return quality as QualityReport;
}

/** What is known of a row that is kept, besides its pixels. */
export interface RowFacts {
  depth: number;
  nullPixels: number;
  valueMin: number;
  valueMax: number;
}

const RESOLUTION = 1e6;
const MAX_STEPS = 1024;
const MAX_GAPS = 20;
const GAP_FACTOR = 1.5;

interface Jump extends Gap {
  size: number;
}

/** Computes a `QualityReport` in one pass and constant memory. */
export class QualityTracker {
  emptyRows = 0;
  /** Rows kept. */
  rows = 0;
  #nullPixels = 0;
  #valueMin = 256;
  #valueMax = -1;
  #previous = 0;
  #depthMin = Number.POSITIVE_INFINITY;
  #depthMax = Number.NEGATIVE_INFINITY;
  #ascents = 0;
  #descents = 0;
  #duplicates = 0;
  #stepMin = Number.POSITIVE_INFINITY;
  #stepMax = 0;
  #stepSum = 0;
  /** The number of rows with each step, in units of 1/RESOLUTION. */
  readonly #steps = new Map<number, number>();
  #isExact = true;
  readonly #jumps: Jump[] = [];
  #smallestJump = 0;

  /** Adds the next row that is kept; `row` is its position in the file. */
  add(row: number, { depth, nullPixels, valueMin, valueMax }: RowFacts): void {
    const delta = depth - this.#previous;
    if (depth < this.#depthMin) this.#depthMin = depth;
    if (depth > this.#depthMax) this.#depthMax = depth;
    if (this.rows++ > 0) {
      if (delta === 0) this.#duplicates++;
      else this.#addStep(delta, depth, row);
    }
    this.#previous = depth;
    this.#nullPixels += nullPixels;
    if (valueMin < this.#valueMin) this.#valueMin = valueMin;
    if (valueMax > this.#valueMax) this.#valueMax = valueMax;
  }

  /** The report on the rows so far. The caller counts bad rows. */
  report(badRows: number): QualityReport {
    const { rows } = this;
    const ascents = this.#ascents;
    const descents = this.#descents;
    const typical = this.#typicalStep();
    const threshold = typical * GAP_FACTOR;
    let gaps = 0;
    for (const [step, count] of this.#steps) if (step / RESOLUTION > threshold) gaps += count;
    const taken = ascents + descents;
    const values = this.#valueMax >= 0;
    return {
      rows,
      empty_rows: this.emptyRows,
      bad_rows: badRows,
      null_pixels: this.#nullPixels,
      depth_min: rows > 0 ? this.#depthMin : null,
      depth_max: rows > 0 ? this.#depthMax : null,
      value_min: values ? this.#valueMin : null,
      value_max: values ? this.#valueMax : null,
      depth_order: descents === 0 ? 'ascending' : ascents === 0 ? 'descending' : 'unsorted',
      descents,
      duplicate_depths: this.#duplicates,
      step:
        taken === 0 ? null : { typical, min: this.#stepMin, max: this.#stepMax, mean: this.#stepSum / taken },
      gaps,
      largest_gaps: this.#jumps
        .filter((jump) => jump.size > threshold)
        .map(({ row, from_depth, to_depth }) => ({ row, from_depth, to_depth })),
      steps_exact: this.#isExact,
    };
  }

  #addStep(delta: number, depth: number, row: number): void {
    const size = Math.abs(delta);
    if (delta > 0) this.#ascents++;
    else this.#descents++;
    if (size < this.#stepMin) this.#stepMin = size;
    if (size > this.#stepMax) this.#stepMax = size;
    this.#stepSum += size;
    const step = Math.round(size * RESOLUTION);
    const count = this.#steps.get(step);
    if (count === undefined && this.#steps.size >= MAX_STEPS) this.#isExact = false;
    else this.#steps.set(step, (count ?? 0) + 1);
    if (size > this.#smallestJump) this.#addJump({ size, row, from_depth: this.#previous, to_depth: depth });
  }

  /** Keeps the greatest jumps, of equal ones the first. */
  #addJump(jump: Jump): void {
    const jumps = this.#jumps;
    const at = jumps.findIndex((other) => other.size < jump.size);
    jumps.splice(at < 0 ? jumps.length : at, 0, jump);
    if (jumps.length > MAX_GAPS) jumps.pop();
    if (jumps.length === MAX_GAPS) this.#smallestJump = (jumps.at(-1) as Jump).size;
  }

  /** The most frequent step; of equally frequent ones, the smallest. */
  #typicalStep(): number {
    let typical = 0;
    let most = 0;
    for (const [step, count] of this.#steps) {
      if (count > most || (count === most && step < typical)) {
        typical = step;
        most = count;
      }
    }
    return typical / RESOLUTION;
  }
}
