import type { Database } from './database.ts';
import { readSoon } from './read-soon.ts';

/** Tables that may become large. */
const TABLES = ['blob_chunks', 'frames'];

/**
 * Bytes on disk of the large tables with their indexes. PostgreSQL adds up the sizes of files, so this is cheap.
 *
 * @returns bytes by table; undefined if the database does not answer within a second
 */
export async function readTableBytes(
  database: Pick<Database, 'pool' | 'isReachable'>,
): Promise<Record<string, number> | undefined> {
  return readSoon(database, async () => {
    const { rows } = await database.pool.query<{ name: string; bytes: number }>(
      `SELECT relname AS name, pg_total_relation_size(oid)::float8 AS bytes FROM pg_class
       WHERE relname = ANY($1) AND relnamespace = current_schema()::regnamespace`,
      [TABLES],
    );
    return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
  });
}
