/** CPU seconds since the start, by part of a contestant: `api`, `images`, `postgres`, … */
export type CpuSeconds = Readonly<Record<string, number>>;

/** One of the two sides of a comparison. */
export interface Contestant {
  /** Does this many operations; returns the wall time in seconds. */
  run(count: number): Promise<number>;
  /** CPU time of all its processes so far, without the load generator. */
  cpu(): Promise<CpuSeconds>;
}

export interface ComparisonOptions {
  /** The key of the ratio in the last line of output. */
  name: string;
  /** What is measured, in a few words. */
  what: string;
  ours: Contestant;
  floor: Contestant;
  /** Operations per side and round. */
  count: number;
  /** Operations of each side to warm up (default: `count`). */
  warmUp?: number;
  /** Pairs of runs after that. */
  rounds: number;
  /** Hits and misses of our caches so far. */
  caches?: () => Promise<CacheCounts>;
}

export type CacheCounts = Readonly<Record<string, { hits: number; misses: number }>>;

/** The result of one side over all rounds. */
export interface SideResult {
  /** Operations per second, the median of all rounds. */
  rate: number;
  cpu: CpuSeconds;
  operations: number;
}

export interface Comparison {
  name: string;
  what: string;
  ours: SideResult;
  floor: SideResult;
  /** Our speed divided by the floor's speed in each pair of runs, ascending. */
  ratios: readonly number[];
  caches: CacheCounts;
}

/** A measurement of our side alone. */
export interface Figure {
  /** Its key in the last line of output; ends in its unit. */
  name: string;
  what: string;
  value: number;
  /** Maximum allowed value. */
  limit?: number;
}

export interface BenchReport {
  comparisons: Comparison[];
  figures: Figure[];
}

/** What the module of a benchmark exports as `bench`. */
export type Bench = () => Promise<Comparison[] | BenchReport>;

/** What the module of a soak exports as `soak`: its figures, and every failed expectation in words. */
export type Soak = () => Promise<{ figures: Readonly<Record<string, number>>; failures: string[] }>;
