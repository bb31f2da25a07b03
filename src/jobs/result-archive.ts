import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { makeZip } from 'client-zip';
import type { OwnerId } from '../auth/owner.ts';
import type { BlobRef } from '../blobs/blob-store.ts';
import { AppError } from '../core/errors.ts';
import type { Operation } from '../work/operation.ts';
import { archiveName } from './archive-names.ts';
import type { Job, JobItem } from './queue/job.ts';
import type { JobStore } from './queue/job-store.ts';
import { toJobItemResponse, toJobResponse } from './responses.ts';

/** The files of an artifact. */
interface ArtifactFile extends BlobRef {
  id: string;
  operation: string;
  filename: string;
  document: BlobRef | null;
  createdAt: Date;
}

export interface ResultServices {
  store: JobStore;
  /** Those of the artifacts that exist. Their slice gives the function, because this folder may not import it. */
  findFiles(owner: OwnerId, ids: readonly string[]): Promise<ArtifactFile[]>;
  blobs: { read(sha256: Buffer): AsyncIterable<Buffer> };
  operations: ReadonlyMap<string, Operation>;
  /** The path of a new file. */
  newPath(): string;
  removeFile(path: string): Promise<void>;
}

/** Items that are read at once. */
const BATCH = 100;

/** Characters of the manifest that are kept before they are written. */
const MANIFEST_BUFFER = 64 * 1024;

export const MANIFEST = 'manifest.json';

/** A file of an archive. */
interface Entry {
  name: string;
  lastModified: Date;
  input: AsyncIterable<Buffer>;
}

/**
 * The results of a job that are there, as a ZIP file. Last comes its manifest: the job and every item as they were when they were
 * read, with the names of their files. While the client does not read, nothing is read and no database connection is held.
 */
export function resultArchive(job: Job, services: ResultServices): Readable {
  const zip = makeZip(entriesOf(job, services), { buffersAreUTF8: true });
  // Node's type for the same class.
  return Readable.fromWeb(zip as ReadableStream<Uint8Array>);
}

async function* entriesOf(job: Job, services: ResultServices): AsyncGenerator<Entry> {
  const path = services.newPath();
  const manifest = await open(path, 'wx', 0o600);
  try {
    let lines = `${JSON.stringify({ job: toJobResponse(job) }).slice(0, -1)},"items":[`;
    for await (const [item, files] of itemsOf(job, services)) {
      const written: Partial<Record<PartName, string>> = {};
      for (const { part, name, blob, lastModified } of files) {
        const chunks = await openChunks(services.blobs.read(blob.sha256));
        if (chunks === undefined) continue;
        written[part] = name;
        try {
          yield { name, lastModified, input: chunks };
        } finally {
          await chunks.return(undefined);
        }
      }
      lines += `${item.position === 0 ? '' : ','}\n${JSON.stringify(toManifestItem(item, written))}`;
      if (lines.length < MANIFEST_BUFFER) continue;
      await manifest.appendFile(lines);
      lines = '';
    }
    await manifest.appendFile(`${lines}\n]}\n`);
    const text = createReadStream(path);
    try {
      yield { name: MANIFEST, lastModified: job.readAt, input: text };
    } finally {
      text.destroy();
    }
  } finally {
    await manifest.close();
    await services.removeFile(path);
  }
}

/** Items with the files that they have made, in the order of the request. */
async function* itemsOf(
  job: Job,
  { store, findFiles, operations }: ResultServices,
): AsyncGenerator<[item: JobItem, files: PackedFile[]]> {
  let cursor: string | undefined;
  do {
    const page = await store.items(job.ownerId, job.id, {
      limit: BATCH,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const ids = page.items.flatMap(({ artifactId }) => artifactId ?? []);
    const artifacts = new Map((await findFiles(job.ownerId, ids)).map((file) => [file.id, file]));
    for (const item of page.items) {
      const artifact = artifacts.get(item.artifactId ?? '');
      yield [item, artifact === undefined ? [] : filesOf(job, item, artifact, operations)];
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

type PartName = 'file' | 'document_file';

interface PackedFile {
  part: PartName;
  name: string;
  blob: BlobRef;
  lastModified: Date;
}

function filesOf(
  { total }: Job,
  { position }: JobItem,
  { filename, sha256, size, document, operation, createdAt: lastModified }: ArtifactFile,
  operations: ResultServices['operations'],
): PackedFile[] {
  const nameOf = (given: string) => archiveName(position, total, given);
  const file: PackedFile = { part: 'file', name: nameOf(filename), blob: { sha256, size }, lastModified };
  const documentName = operations.get(operation)?.documentName?.(filename);
  if (document === null || documentName === undefined) return [file];
  return [file, { part: 'document_file', name: nameOf(documentName), blob: document, lastModified }];
}

/** Bytes whose first chunk has been read; undefined if they have been deleted in the meantime. */
async function openChunks(chunks: AsyncIterable<Buffer>): Promise<AsyncGenerator<Buffer> | undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next().catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'not_found') return undefined;
    throw error;
  });
  return first && withFirst(first, iterator);
}

async function* withFirst(
  first: IteratorResult<Buffer>,
  others: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  try {
    for (let next = first; next.done !== true; next = await others.next()) yield next.value;
  } finally {
    await others.return?.();
  }
}

/** An item as the manifest has it. */
function toManifestItem(
  item: JobItem,
  { file = null, document_file = null }: { [Part in PartName]?: string | null },
): object {
  const { progress: _, ...shown } = toJobItemResponse(item);
  return { ...shown, file, document_file };
}
