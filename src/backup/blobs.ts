import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { type BinaryRow, readBinaryRows } from '../db/binary-copy.ts';
import { BackupError } from './backup-error.ts';
import { type BackupFolder, makePrivateFolder, syncFolder, writeDurably } from './folder.ts';
import { type Manifest, tablePath } from './manifest.ts';
import type { Progress } from './progress.ts';

/** Bytes of one row of `blob_chunks`. */
const CHUNK_BYTES = 1024 * 1024;
/** Blobs that one statement reads. */
const BATCH = 200;

/** "PGCOPY\n\377\r\n\0", no flags, no extension of the header; and the end of a binary COPY. */
const COPY_HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const COPY_TRAILER = Buffer.from('ffff', 'hex');

interface Blob {
  /** 32 bytes. */
  sha256: Buffer;
  /** Bytes. */
  size: number;
}

/** The blobs of a backup, sorted by hash, as its file of the table `blobs` lists them. */
export async function* listBlobs(folder: string, manifest: Pick<Manifest, 'tables'>): AsyncGenerator<Blob> {
  const table = manifest.tables.find(({ name }) => name === 'blobs');
  if (!table) throw new BackupError(`The backup ${folder} has no table blobs.`);
  const file = tablePath(folder, table);
  const [sha256Field, sizeField] = ['sha256', 'size'].map((column) => table.columns.indexOf(column));
  for await (const row of readBinaryRows(createReadStream(file))) {
    const sha256 = row[sha256Field ?? -1];
    const size = row[sizeField ?? -1];
    if (sha256?.length !== 32 || size?.length !== 8)
      throw new BackupError(`${file} has a row that is not a blob.`);
    // The row lies in a larger buffer, which would be kept in memory.
    yield { sha256: Buffer.from(sha256), size: Number(size.readBigInt64BE()) };
  }
}

/** How many blobs there are, and how many of them this backup has added to the folder. */
export interface BlobCounts {
  count: number;
  bytes: number;
  newCount: number;
  newBytes: number;
}

/**
 * Writes the blobs that the folder does not have yet. Each is written to a temporary file, compared with its own hash and
 * then renamed, so that a file in `blobs/` is always complete.
 *
 * @param blobs in the snapshot of `client`
 * @param temporary a path on the same disk
 * @throws BackupError if the bytes in the database do not match their hash
 */
export async function writeBlobFiles(
  client: ClientBase,
  folder: BackupFolder,
  blobs: AsyncIterable<Blob>,
  temporary: string,
  progress: Progress,
): Promise<BlobCounts> {
  progress.step('Blobs');
  const counts = { count: 0, bytes: 0, newCount: 0, newBytes: 0 };
  const changed = new Set<string>();
  let batch: Blob[] = [];
  const writeBatch = async () => {
    const chunks = readChunks(client, batch);
    let chunk = await chunks.next();
    for (const blob of batch) {
      const file = folder.blobPath(blob.sha256);
      await writeDurably(temporary, async (handle) => {
        const hash = createHash('sha256');
        let written = 0;
        for (; !chunk.done && chunk.value.sha256.equals(blob.sha256); chunk = await chunks.next()) {
          hash.update(chunk.value.data);
          await handle.writeFile(chunk.value.data);
          written += chunk.value.data.length;
          progress.add(chunk.value.data.length);
        }
        if (written !== blob.size || !hash.digest().equals(blob.sha256)) throw damagedBlob(blob);
      });
      await makePrivateFolder(path.dirname(file));
      await rename(temporary, file);
      changed.add(path.dirname(file));
      counts.newCount += 1;
      counts.newBytes += blob.size;
    }
    // The COPY has to be read to its end.
    while (!chunk.done) chunk = await chunks.next();
    batch = [];
  };
  for await (const blob of blobs) {
    counts.count += 1;
    counts.bytes += blob.size;
    const found = await stat(folder.blobPath(blob.sha256)).catch(() => undefined);
    if (found?.size === blob.size) continue;
    batch.push(blob);
    if (batch.length === BATCH) await writeBatch();
  }
  if (batch.length > 0) await writeBatch();
  for (const changedFolder of changed) await syncFolder(changedFolder);
  await makePrivateFolder(folder.blobs);
  await syncFolder(folder.blobs);
  return counts;
}

function damagedBlob({ sha256 }: Blob): BackupError {
  return new BackupError(
    `The bytes of the blob ${sha256.toString('hex')} in the database do not match their hash: the database is damaged. ` +
      'Restore an older backup, or delete the images and artifacts that have this sha256.',
  );
}

/** The chunks of some blobs, sorted by hash and position. Without `blobs`, of all. */
async function* readChunks(
  client: ClientBase,
  blobs?: readonly Blob[],
): AsyncGenerator<{ sha256: Buffer; data: Buffer }> {
  // Hexadecimal digits do not need quoting.
  const hashes = blobs?.map(({ sha256 }) => `'\\x${sha256.toString('hex')}'`).join(', ');
  const condition = hashes === undefined ? '' : `WHERE sha256 IN (${hashes})`;
  const copy = client.query(
    copyTo(
      `COPY (SELECT sha256, data FROM blob_chunks ${condition} ORDER BY sha256, index) TO STDOUT (FORMAT binary)`,
    ),
  );
  for await (const [sha256, data] of readBinaryRows(copy)) {
    if (sha256 && data) yield { sha256, data };
  }
}

/**
 * Compares all blobs in a database with their hashes.
 *
 * @throws BackupError if one is wrong, or if they are not as many as the manifest says
 */
export async function checkStoredBlobs(
  client: ClientBase,
  manifest: Manifest,
  progress: Progress,
): Promise<void> {
  progress.step('Blobs in the restored database');
  let current: { sha256: Buffer; hash: ReturnType<typeof createHash> } | undefined;
  let count = 0;
  let bytes = 0;
  const finish = () => {
    if (current && !current.hash.digest().equals(current.sha256)) {
      throw new BackupError(
        `The blob ${current.sha256.toString('hex')} has other bytes after it was restored.`,
      );
    }
    count += current ? 1 : 0;
  };
  for await (const { sha256, data } of readChunks(client)) {
    if (!current?.sha256.equals(sha256)) {
      finish();
      current = { sha256: Buffer.from(sha256), hash: createHash('sha256') };
    }
    current.hash.update(data);
    bytes += data.length;
    progress.add(data.length);
  }
  finish();
  const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM blobs WHERE size = 0');
  count += rows[0]?.n ?? 0;
  if (count !== manifest.blobs.count || bytes !== manifest.blobs.bytes) {
    throw new BackupError(
      `The restored database has ${count} blobs of ${bytes} bytes instead of ${manifest.blobs.count} of ${manifest.blobs.bytes}.`,
    );
  }
}

/**
 * Checks that the file of each blob exists and has the right size.
 *
 * @throws BackupError naming the first file that is missing or too short, or if the manifest counts other blobs
 */
export async function requireBlobFiles(
  folder: BackupFolder,
  backup: string,
  manifest: Manifest,
): Promise<void> {
  let count = 0;
  let bytes = 0;
  for await (const blob of listBlobs(backup, manifest)) {
    await requireBlobSize(folder, blob);
    count += 1;
    bytes += blob.size;
  }
  if (count !== manifest.blobs.count || bytes !== manifest.blobs.bytes) {
    throw new BackupError(`The manifest of ${backup} counts other blobs than its table has.`);
  }
}

async function requireBlobSize(folder: BackupFolder, { sha256, size }: Blob): Promise<void> {
  const file = folder.blobPath(sha256);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new BackupError(`${file} is missing.`);
  if (found.size !== size)
    throw new BackupError(`${file} is damaged: it has ${found.size} bytes instead of ${size}.`);
}

function wrongHash(file: string): BackupError {
  return new BackupError(
    `${file} is damaged: its hash is not its name. Remove it; the next backup writes it again if the service still has the bytes.`,
  );
}

/**
 * Compares a blob's file with its name.
 *
 * @throws BackupError if it is damaged
 */
export async function checkBlobFile(file: string, sha256: string, progress: Progress): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    hash.update(piece);
    progress.add(piece.length);
  }
  if (hash.digest('hex') !== sha256) throw wrongHash(file);
}

/**
 * Copies the files of all blobs into the empty table `blob_chunks`, and compares each with its hash on the way.
 *
 * @throws BackupError if one is missing or damaged; the caller must then roll back
 */
export async function restoreBlobs(
  client: ClientBase,
  folder: BackupFolder,
  blobs: AsyncIterable<Blob>,
  progress: Progress,
): Promise<void> {
  progress.step('Blobs');
  const copy = client.query(copyFrom('COPY blob_chunks (sha256, index, data) FROM STDIN (FORMAT binary)'));
  await pipeline(Readable.from(chunkRows(folder, blobs, progress)), copy);
}

async function* chunkRows(
  folder: BackupFolder,
  blobs: AsyncIterable<Blob>,
  progress: Progress,
): AsyncGenerator<Buffer> {
  yield COPY_HEADER;
  for await (const blob of blobs) {
    await requireBlobSize(folder, blob);
    const file = folder.blobPath(blob.sha256);
    const hash = createHash('sha256');
    const handle = await open(file);
    try {
      for (let index = 0, position = 0; position < blob.size; index += 1) {
        const data = Buffer.allocUnsafe(Math.min(blob.size - position, CHUNK_BYTES));
        const { bytesRead } = await handle.read(data, 0, data.length, position);
        // A regular file gives fewer bytes only at its end.
        if (bytesRead !== data.length) throw wrongHash(file);
        hash.update(data);
        position += data.length;
        yield encodeRow([blob.sha256, int32(index), data]);
        progress.add(data.length);
      }
    } finally {
      await handle.close();
    }
    if (!hash.digest().equals(blob.sha256)) throw wrongHash(file);
  }
  yield COPY_TRAILER;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A row of a binary COPY. */
function encodeRow(row: BinaryRow): Buffer {
  const parts: Buffer[] = [Buffer.from([0, row.length])];
  for (const field of row) {
    parts.push(int32(field?.length ?? -1));
    if (field) parts.push(field);
  }
  return Buffer.concat(parts);
}
