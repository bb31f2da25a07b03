import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { BackupError } from './backup-error.ts';
import type { Table } from './catalog.ts';
import { writeDurably } from './folder.ts';
import { type TableFile, tablePath } from './manifest.ts';
import type { Progress } from './progress.ts';

const { escapeIdentifier: quote } = pg;

export interface CopyDigest {
  rows: number;
  bytes: number;
  /** In hexadecimal. */
  sha256: string;
}

const columnList = (columns: readonly string[]): string => columns.map(quote).join(', ');

/**
 * Reads a table by a binary COPY, sorted by its primary key: equal rows give equal bytes on every server.
 *
 * @param write is given the bytes, piece by piece
 */
export async function readTable(
  client: pg.ClientBase,
  { name, columns, order }: Table,
  progress: Progress,
  write?: (piece: Buffer) => Promise<unknown>,
): Promise<CopyDigest> {
  const rows = `SELECT ${columnList(columns)} FROM ${quote(name)} ORDER BY ${order}`;
  const copy = client.query(copyTo(`COPY (${rows}) TO STDOUT (FORMAT binary)`));
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of copy) {
    hash.update(piece);
    bytes += piece.length;
    await write?.(piece);
    progress.add(piece.length);
  }
  // The number of rows arrives after the last byte; the next statement ends after that.
  await client.query('SELECT');
  return { rows: copy.rowCount, bytes, sha256: hash.digest('hex') };
}

/** Writes a table to its file in the folder of a backup. */
export async function writeTableFile(
  client: pg.ClientBase,
  folder: string,
  table: Table,
  progress: Progress,
): Promise<CopyDigest> {
  progress.step(`Table ${table.name}`);
  return writeDurably(tablePath(folder, table), (file) =>
    readTable(client, table, progress, (piece) => file.writeFile(piece)),
  );
}

/**
 * Compares a table's file with the manifest.
 *
 * @throws BackupError if it is missing or damaged
 */
export async function checkTableFile(folder: string, table: TableFile, progress: Progress): Promise<void> {
  await requireSize(folder, table);
  const hash = createHash('sha256');
  for await (const piece of createReadStream(tablePath(folder, table))) {
    hash.update(piece);
    progress.add(piece.length);
  }
  if (hash.digest('hex') !== table.sha256) throw damaged(folder, table, 'its hash is wrong');
}

/** @throws BackupError if a table's file is missing or has another size than the manifest says */
export async function requireSize(folder: string, table: TableFile): Promise<void> {
  const found = await stat(tablePath(folder, table)).catch(() => undefined);
  if (!found?.isFile()) throw new BackupError(`${tablePath(folder, table)} is missing.`);
  if (found.size !== table.bytes) {
    throw damaged(folder, table, `it has ${found.size} bytes instead of ${table.bytes}`);
  }
}

function damaged(folder: string, table: TableFile, reason: string, cause?: unknown): BackupError {
  return new BackupError(`${tablePath(folder, table)} is damaged: ${reason}.`, { cause });
}

/**
 * Copies a table's file into the empty table, and checks its hash on the way.
 *
 * @throws BackupError if the file is missing or damaged; the caller must then roll back
 */
export async function restoreTable(
  client: pg.ClientBase,
  folder: string,
  table: TableFile,
  progress: Progress,
): Promise<void> {
  progress.step(`Table ${table.name}`);
  await requireSize(folder, table);
  const hash = createHash('sha256');
  const observe = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      try {
        progress.add(piece.length);
        done(null, piece);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  const copy = client.query(
    copyFrom(`COPY ${quote(table.name)} (${columnList(table.columns)}) FROM STDIN (FORMAT binary)`),
  );
  try {
    await pipeline(createReadStream(tablePath(folder, table)), observe, copy);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    // PostgreSQL may have stumbled over the damage before the end was reached.
    await checkTableFile(folder, table, progress);
    throw new BackupError(`The table ${table.name} could not be restored: ${error.message}.`, {
      cause: error,
    });
  }
  if (hash.digest('hex') !== table.sha256) throw damaged(folder, table, 'its hash is wrong');
  if (copy.rowCount !== table.rows) {
    throw damaged(folder, table, `it has ${copy.rowCount} rows instead of ${table.rows}`);
  }
}
