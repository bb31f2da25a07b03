/** CPU time in seconds since a process was started, by part of a contestant: `api`, `images`, `postgres`, … */
export type CpuSeconds = Readonly<Record<string, number>>;

/** One of the two sides of a comparison. */
export interface Contestant {
  /** Does this many operations, as many at a time as the benchmark says, and gives the wall time in seconds. */
  run(count: number): Promise<number>;
  /** CPU time that all its processes have used so far, without the load generator's. */
  cpu(): Promise<CpuSeconds>;
}

export interface ComparisonOptions {
  /** The key of the ratio in the last line of output. */
  name: string;
  /** What is done, in a few words. */
  what: string;
  ours: Contestant;
  floor: Contestant;
  /** Operations of one side in one round. */
  count: number;
  /** Operations of each side before, to warm up; `count` without it. */
  warmUp?: number;
  /** Pairs of runs that count. */
  rounds: number;
  /** Of our caches so far: what they answered, and what they could not. */
  caches?: () => Promise<CacheCounts>;
}

export type CacheCounts = Readonly<Record<string, { hits: number; misses: number }>>;

/** What a side did over all rounds that count. */
export interface SideResult {
  /** Operations per second, the median of all rounds. */
  rate: number;
  /** CPU seconds over all rounds, by part. */
  cpu: CpuSeconds;
  /** Operations over all rounds. */
  operations: number;
}

export interface Comparison {
  name: string;
  what: string;
  ours: SideResult;
  floor: SideResult;
  /** Speed of ours over speed of the floor in each pair of runs, ascending. */
  ratios: readonly number[];
  caches: CacheCounts;
}

/** What is measured of our side alone, and held to a limit. */
export interface Figure {
  /** Its key in the last line of output; ends in its unit. */
  name: string;
  what: string;
  value: number;
  /** The most it may be. */
  limit?: number;
}

export interface BenchReport {
  comparisons: Comparison[];
  figures: Figure[];
}

/** What the module of a benchmark exports as `bench`. */
export type Bench = () => Promise<Comparison[] | BenchReport>;

/** What the module of a soak exports as `soak`: its figures, and in words what was not as it must be. */
export type Soak = () => Promise<{ figures: Readonly<Record<string, number>>; failures: string[] }>;
