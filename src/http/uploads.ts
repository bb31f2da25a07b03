import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type {} from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { AppError, type Fault } from '../errors.ts';
import { escapePointer } from './validation.ts';

export interface UploadLimits {
  /** Most bytes of one file; what is longer is received, counted as too large and not kept. */
  maxFileBytes: number;
  /** Most bytes of the whole body. */
  maxRequestBytes: number;
  maxFiles: number;
}

/** One file part, received whole. */
export interface ReceivedFile {
  /** As the client sent it; not safe for anything. */
  filename: string;
  /** Where the bytes are; the receiver's to delete. */
  path: string;
  sha256: Buffer;
  /** Bytes received. */
  size: number;
  /** The first bytes, for telling the format. */
  head: Buffer;
  /** The file was longer than `maxFileBytes`; `path` holds nothing of use. */
  isTooLarge: boolean;
}

export interface UploadOptions {
  /** Name of the file field. Any other field is a fault. */
  field: string;
  limits: UploadLimits;
  /** A path for the next file, in a folder for temporary files. */
  newPath: () => string;
  /** Called as each file has arrived, while the next ones are still coming. */
  onFile: (file: ReceivedFile) => void;
}

const HEAD_BYTES = 256;
/** File names are cut when they are stored; longer headers are refused by the parser (80 KiB). */
const MAX_FIELD_NAME_BYTES = 200;

/** RFC 2046, 5.1.1. */
const MAX_BOUNDARY_LENGTH = 70;
const FORM_TYPE = /^multipart\/form-data\s*(;|$)/i;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^;\s]*))/i;

/**
 * Refuses by its header alone a request whose body could not be received. For a hook before the body is parsed, so that
 * none of it is read.
 *
 * @throws AppError `unsupported_media_type`, `malformed_multipart`, `request_too_large`
 */
export function refuseUnreceivable(request: FastifyRequest, { maxRequestBytes }: UploadLimits): void {
  const {
    'content-type': type = '',
    'content-encoding': encoding = 'identity',
    'content-length': length = '0',
  } = request.headers;
  if (!FORM_TYPE.test(type)) {
    throw new AppError('unsupported_media_type', 'Send the body as multipart/form-data.');
  }
  if (encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
  const [, quoted, bare] = BOUNDARY.exec(type) ?? [];
  const boundary = quoted ?? bare ?? '';
  if (boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH) {
    throw new AppError(
      'malformed_multipart',
      `Content-Type must name a boundary of 1 to ${MAX_BOUNDARY_LENGTH} characters (RFC 2046, 5.1.1).`,
    );
  }
  if (Number(length) > maxRequestBytes) throw bodyTooLarge(maxRequestBytes);
}

function bodyTooLarge(maxBytes: number): AppError {
  return new AppError(
    'request_too_large',
    `The body is longer than the ${maxBytes} bytes that are accepted.`,
  );
}

async function writeAll(stream: Readable, file: FileHandle, hash: Hash, head: Buffer[]): Promise<number> {
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (size < HEAD_BYTES) head.push(chunk.subarray(0, HEAD_BYTES - size));
    size += chunk.length;
    hash.update(chunk);
    await file.writeFile(chunk);
  }
  return size;
}

async function receiveFile(
  part: { filename: string; file: Readable & { truncated?: boolean } },
  path: string,
): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  const file = await open(path, 'wx', 0o600);
  try {
    const size = await writeAll(part.file, file, hash, head);
    await file.close();
    return {
      filename: part.filename,
      path,
      sha256: hash.digest(),
      size,
      head: Buffer.concat(head),
      isTooLarge: part.file.truncated === true,
    };
  } catch (error) {
    // A full disk may fail here, too, after it has failed to write.
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw error;
  }
}

/** Fails when the body has grown past its bound, whatever `Content-Length` said. */
function watchBodySize(request: FastifyRequest, maxBytes: number): AbortSignal {
  const controller = new AbortController();
  let bytes = 0;
  request.raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes && !controller.signal.aborted) {
      controller.abort(bodyTooLarge(maxBytes));
    }
  });
  return controller.signal;
}

/**
 * Receives the files of a multipart body, each streamed to a temporary file while it is hashed. Returns when the whole
 * body has arrived and was well-formed. `refuseUnreceivable` comes before.
 *
 * @throws AppError `malformed_multipart`, `incomplete_body`, `request_too_large`,
 *   `too_many_files`, or `validation_failed` for unknown fields or where there was no file
 */
export async function receiveFiles(request: FastifyRequest, options: UploadOptions): Promise<void> {
  const { limits, field } = options;
  const tooLarge = watchBodySize(request, limits.maxRequestBytes);
  const faults: Fault[] = [];
  let fileCount = 0;
  try {
    const parts = request.parts({
      limits: {
        fileSize: limits.maxFileBytes,
        files: limits.maxFiles,
        parts: limits.maxFiles + 20,
        fields: 20,
        fieldSize: 10_000,
        fieldNameSize: MAX_FIELD_NAME_BYTES,
        headerPairs: 20,
      },
    });
    for await (const part of parts) {
      tooLarge.throwIfAborted();
      if (part.type === 'file' && part.fieldname === field) {
        fileCount += 1;
        const abort = () => part.file.destroy(tooLarge.reason);
        tooLarge.addEventListener('abort', abort);
        try {
          options.onFile(await receiveFile(part, options.newPath()));
        } finally {
          tooLarge.removeEventListener('abort', abort);
        }
      } else {
        const isFile = part.type === 'file';
        if (isFile) part.file.resume();
        // The parser gives none where the part's header names none, whatever its type says.
        const name: string = part.fieldname ?? '';
        const message = name === field ? 'must be a file, with a filename' : 'is not a known field';
        faults.push({ location: 'body', path: `/${escapePointer(name.slice(0, 100))}`, message });
      }
    }
    tooLarge.throwIfAborted();
  } catch (error) {
    request.raw.unpipe();
    request.raw.resume();
    throw toUploadError(tooLarge.aborted ? tooLarge.reason : error, request);
  }
  if (fileCount === 0)
    faults.push({ location: 'body', path: `/${field}`, message: 'is required: at least one file' });
  if (faults.length > 0) {
    throw new AppError(
      'validation_failed',
      faults.map(({ path, message }) => `body${path} ${message}`).join('; '),
      { errors: faults },
    );
  }
}

/** The parser reports malformed bodies as plain errors without a code; all others pass through. */
function toUploadError(error: unknown, request: FastifyRequest): unknown {
  if (!(error instanceof Error) || Object.getPrototypeOf(error) !== Error.prototype || 'code' in error) {
    return error;
  }
  if (request.raw.destroyed && !request.raw.complete) {
    return new AppError('incomplete_body', 'The body ended before it was complete.', { cause: error });
  }
  return new AppError(
    'malformed_multipart',
    `The body is not well-formed multipart/form-data: ${error.message.replace(/\.+$/, '')}.`,
    { cause: error },
  );
}
