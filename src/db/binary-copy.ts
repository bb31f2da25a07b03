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
  const parsed = parseRowAt(copy, HEADER_BYTES + copy.readUInt32BE(HEADER_BYTES - 4));
  return parsed !== undefined && 'row' in parsed ? parsed.row : undefined;
}

/** Maximum bytes of a field that `readBinaryRows` accepts: far more than a chunk of a blob has. */
const MAX_FIELD_BYTES = 16 * 1024 * 1024;

/**
 * Reads the rows of a binary COPY one by one. Memory holds one row at a time.
 *
 * @throws Error if the bytes are not a whole COPY, or a field has more than 16 MiB
 */
export async function* readBinaryRows(copy: AsyncIterable<Buffer>): AsyncGenerator<BinaryRow> {
  let pieces: Buffer[] = [];
  let length = 0;
  let needed = HEADER_BYTES;
  let isInRows = false;
  let isEnded = false;
  for await (const piece of copy) {
    // A COPY of the database has to be read to its end before the connection can be used again.
    if (isEnded) continue;
    pieces.push(piece);
    length += piece.length;
    if (length < needed) continue;
    const bytes = pieces.length === 1 ? piece : Buffer.concat(pieces);
    let offset = 0;
    if (!isInRows) {
      offset = HEADER_BYTES + bytes.readUInt32BE(HEADER_BYTES - 4);
      isInRows = true;
    }
    for (;;) {
      const parsed = parseRowAt(bytes, offset);
      if (parsed === undefined) {
        isEnded = true;
        break;
      }
      if ('needed' in parsed) {
        needed = parsed.needed - offset;
        break;
      }
      yield parsed.row;
      offset = parsed.end;
    }
    const rest = bytes.subarray(offset);
    pieces = [rest];
    length = rest.length;
  }
  if (!isEnded) throw new Error('The rows end early.');
}

/** The row at `offset`, or how many bytes must be there to read on. Undefined after the last row. */
function parseRowAt(
  copy: Buffer,
  offset: number,
): { row: BinaryRow; end: number } | { needed: number } | undefined {
  let end = offset + 2;
  if (copy.length < end) return { needed: end };
  const fieldCount = copy.readInt16BE(offset);
  if (fieldCount < 0) return undefined;
  const row: BinaryRow = [];
  for (let field = 0; field < fieldCount; field++) {
    const start = end + 4;
    if (copy.length < start) return { needed: start };
    const length = copy.readInt32BE(end);
    if (length > MAX_FIELD_BYTES) throw new Error(`A field has ${length} bytes.`);
    end = start + Math.max(length, 0);
    if (copy.length < end) return { needed: end };
    row.push(length < 0 ? null : copy.subarray(start, end));
  }
  return { row, end };
}
