import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './database.ts';

const MAX_WAIT_MS = 1_000;

/**
 * Reads something that is only worth having at once, such as what a scrape of metrics shows.
 *
 * @returns undefined if the database is away, refuses the query, or does not answer within a second
 */
export async function readSoon<T>(
  { isReachable }: Pick<Database, 'isReachable'>,
  read: () => Promise<T>,
): Promise<T | undefined> {
  const answer = async () => ((await isReachable()) ? read() : undefined);
  const tooLate = sleep(MAX_WAIT_MS, undefined, { ref: false });
  return Promise.race([answer().catch(() => undefined), tooLate]);
}
