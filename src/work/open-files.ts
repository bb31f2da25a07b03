import type { BlobRef } from '../blobs/blob-store.ts';
import type { DiskCache, Lease } from '../blobs/disk-cache.ts';
import type { Input, InputPart, OpenedInputs } from './inputs.ts';

/** What is known of an input, with the parts that are read; the others are null. */
export type ReadInput = Pick<Input, 'format' | 'filename' | 'content' | 'document'>;

/** The input with these parts alone. */
export function withParts(
  { format, filename, content, document }: ReadInput,
  parts: readonly InputPart[],
): ReadInput {
  return {
    format,
    filename,
    content: parts.includes('content') ? content : null,
    document: parts.includes('document') ? document : null,
  };
}

/**
 * Opens inputs as files of the disk cache.
 *
 * @throws what `DiskCache.lease` throws; then none is open
 */
export async function openFiles(cache: DiskCache, inputs: readonly ReadInput[]): Promise<OpenedInputs> {
  const leases: Lease[] = [];
  const release = () => {
    for (const lease of leases) lease.release();
  };
  const pathOf = async (blob: BlobRef | null): Promise<string | null> => {
    if (blob === null) return null;
    const lease = await cache.lease(blob.sha256, blob.size);
    leases.push(lease);
    return lease.path;
  };
  const opening = inputs.map(async ({ content, document, format, filename }) => {
    const [path, documentPath] = await allEnded([pathOf(content), pathOf(document)]);
    return { path, documentPath, format, filename };
  });
  try {
    return { files: await allEnded(opening), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Like `Promise.all`, but settles only after all have ended, so that everything they hold can be released. */
async function allEnded<const T extends readonly Promise<unknown>[]>(promises: T) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
