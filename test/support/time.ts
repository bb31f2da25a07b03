import { availableParallelism, loadavg } from 'node:os';

/**
 * How long something may take that is to take at most `ms` milliseconds on a machine with nothing else to do. While
 * more processes want to run than there are cores, as other test files do, it is given four times as long: such a bound
 * still tells what hangs from what works. Exact figures are for `npm run bench`.
 */
export function allowedMs(ms: number): number {
  const [lastMinute = 0] = loadavg();
  return lastMinute > availableParallelism() ? 4 * ms : ms;
}
