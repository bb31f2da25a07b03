import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ByteRange } from '../../blobs/blob-store.ts';
import type { ComputedFile } from '../../work/make.ts';

/** Files up to this size are sent in one piece, because that is faster than a stream. */
const ONE_PIECE_BYTES = 1024 * 1024;

/** The bytes of a file from `start` to before `end`. */
export async function openComputedFile(
  { path, size }: ComputedFile,
  { start, end }: ByteRange,
): Promise<Buffer | Readable> {
  if (size > ONE_PIECE_BYTES)
    return createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
  return (await readFile(path)).subarray(start, end);
}

/** Removes a file that was computed for one answer when the answer is sent or the client has disconnected. */
export function removeWhenSent(request: FastifyRequest, reply: FastifyReply, file: ComputedFile): void {
  const remove = () =>
    void file.remove().catch((err: unknown) => request.log.warn({ err }, 'temporary file not removed'));
  if (reply.raw.closed) remove();
  else reply.raw.once('close', remove);
}
