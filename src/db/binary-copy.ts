import type { Pool } from 'pg';
import { to as copyTo } from 'pg-copy-streams';

/** Signature, flags and length of the header extension (https://www.postgresql.org/docs/18/sql-copy.html, "Binary Format"). */
const HEADER_BYTES = 11 + 4 + 4;

/** The fields of a row in their binary form: `bytea` is its bytes, `bigint` 8 bytes in network order. */
export type BinaryRow = (Buffer | null)[];

/**
 * Runs a query that gives at most one row, and returns that row's fields unconverted. `pg` itself is much slower for `bytea`,
 * because it reads it as text. The query cannot have parameters, because COPY does not take any.
 *
 * @param settings statements for this query only, such as `SET LOCAL …`
 */
export async function queryBinaryRow(
  pool: Pool,
  query: string,
  settings?: string,
): Promise<BinaryRow | undefined> {
  const client = await pool.connect();
  let isDone = false;
  try {
    const pieces: Buffer[] = [];
    if (settings !== undefined) await client.query(`BEGIN; ${settings}`);
    for await (const piece of client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`)))
      pieces.push(piece);
    if (settings !== undefined) await client.query('COMMIT');
    isDone = true;
    return parseRow(Buffer.concat(pieces));
  } finally {
    client.release(!isDone);
  }
}

function parseRow(copy: Buffer): BinaryRow | undefined {
  let offset = HEADER_BYTES + copy.readUInt32BE(HEADER_BYTES - 4);
  const fieldCount = copy.readInt16BE(offset);
  if (fieldCount < 0) return undefined;
  offset += 2;
  const row: BinaryRow = [];
  for (let field = 0; field < fieldCount; field++) {
    const length = copy.readInt32BE(offset);
    offset += 4;
    row.push(length < 0 ? null : copy.subarray(offset, offset + length));
    offset += Math.max(length, 0);
  }
  return row;
}
