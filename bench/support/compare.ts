import type { CacheCounts, Comparison, ComparisonOptions, Contestant, CpuSeconds } from './types.ts';

/** The middle value; the mean of the two middle ones if the number of values is even. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

interface Measured {
  side: Contestant;
  rates: number[];
  cpu: Record<string, number>;
}

async function measure({ side, rates, cpu }: Measured, count: number): Promise<number> {
  const before = await side.cpu();
  const rate = count / (await side.run(count));
  const after = await side.cpu();
  for (const [part, seconds] of Object.entries(after)) {
    cpu[part] = (cpu[part] ?? 0) + seconds - (before[part] ?? 0);
  }
  rates.push(rate);
  return rate;
}

function cachesBetween(before: CacheCounts, after: CacheCounts): CacheCounts {
  return Object.fromEntries(
    Object.entries(after).map(([name, { hits, misses }]) => {
      const start = before[name] ?? { hits: 0, misses: 0 };
      return [name, { hits: hits - start.hits, misses: misses - start.misses }];
    }),
  );
}

/**
 * Measures both sides in turns, in the order A B B A, so that slow changes of the machine (other load, the clock rate)
 * affect both alike. Both warm up first.
 */
export async function compare(options: ComparisonOptions): Promise<Comparison> {
  const { name, what, count, rounds, warmUp = count } = options;
  const ours: Measured = { side: options.ours, rates: [], cpu: {} };
  const floor: Measured = { side: options.floor, rates: [], cpu: {} };
  const caches = options.caches ?? (async () => ({}));
  await ours.side.run(warmUp);
  await floor.side.run(warmUp);
  const before = await caches();
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [ours, floor] : [floor, ours];
    const rates = new Map<Measured, number>();
    for (const measured of order) rates.set(measured, await measure(measured, count));
    ratios.push((rates.get(ours) ?? Number.NaN) / (rates.get(floor) ?? Number.NaN));
  }
  const result = ({ rates, cpu }: Measured) => ({
    rate: median(rates),
    cpu: cpu as CpuSeconds,
    operations: rounds * count,
  });
  return {
    name,
    what,
    ours: result(ours),
    floor: result(floor),
    ratios: ratios.sort((a, b) => a - b),
    caches: cachesBetween(before, await caches()),
  };
}
