import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './database.ts';

/** Tables that may become large. */
const TABLES = ['blob_chunks', 'frames'];
const MAX_WAIT_MS = 1_000;

/**
 * Bytes on disk of the large tables with their indexes. PostgreSQL adds up the sizes of files, so this is cheap.
 *
 * @returns bytes by table; undefined if the database does not answer within a second
 */
export async function readTableBytes({
  pool,
  isReachable,
}: Pick<Database, 'pool' | 'isReachable'>): Promise<Record<string, number> | undefined> {
  const read = async () => {
    if (!(await isReachable())) return undefined;
    const { rows } = await pool.query<{ name: string; bytes: number }>(
      `SELECT relname AS name, pg_total_relation_size(oid)::float8 AS bytes FROM pg_class
       WHERE relname = ANY($1) AND relnamespace = current_schema()::regnamespace`,
      [TABLES],
    );
    return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
  };
  const tooLate = sleep(MAX_WAIT_MS, undefined, { ref: false });
  return Promise.race([read().catch(() => undefined), tooLate]);
}
