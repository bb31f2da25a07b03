import { Readable } from 'node:stream';
import { Type } from '@sinclair/typebox';
import { create as createContentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader } from '../../blobs/blob-reader.ts';
import type { BlobRef, ByteRange } from '../../blobs/blob-store.ts';
import { AppError } from '../../core/errors.ts';
import { bytesContent, ObjectWithDefaults } from '../../core/schema.ts';
import { RESPONSE_HEADERS } from './responses.ts';

/** What an answer says of its bytes: validators and a safe file name. */
export interface ContentHead {
  /** Hexadecimal SHA-256 of the bytes, or of all that they are made from: the strong ETag. */
  sha256: string;
  mediaType: string;
  filename: string;
  /** Offer the file for saving instead of showing it. */
  download?: boolean;
  cacheControl: string;
}

/** Bytes that can be read in ranges. */
export interface ContentBytes {
  size: number;
  /** The bytes of a range. Called only if they are sent. */
  open(range: ByteRange): Promise<Buffer | Readable>;
}

/** Immutable bytes, and what an answer says of them. */
export interface Content extends ContentHead, ContentBytes {}

export type StoredBytes = BlobRef & Pick<ContentHead, 'mediaType' | 'filename'>;

/** Stored bytes as content. */
export function storedContent(
  blobs: BlobReader,
  stored: StoredBytes,
  options: Pick<ContentHead, 'cacheControl' | 'download'>,
): Content {
  const { sha256, size, mediaType, filename } = stored;
  const open = (range: ByteRange) => blobs.open(stored, range);
  return { sha256: sha256.toString('hex'), size, mediaType, filename, ...options, open };
}

/** Shows a picture and runs nothing, wherever it is opened (OWASP: uploaded content). */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

export const ContentQuerySchema = ObjectWithDefaults({
  download: Type.Boolean({
    default: false,
    description: 'Offer the file for saving instead of showing it.',
  }),
});

/** The `response` entries of a route's schema that answers with content. */
export function contentResponses(mediaType: string): Record<number, object> {
  const content = bytesContent(mediaType);
  const { etag } = RESPONSE_HEADERS;
  return {
    200: { description: 'The bytes.', content, headers: { etag } },
    206: {
      description: 'The range of the bytes that was asked for.',
      content,
      headers: { etag, 'content-range': RESPONSE_HEADERS['content-range'] },
    },
    304: { type: 'null', description: 'The client has these bytes (`If-None-Match`).', headers: { etag } },
  };
}

/** For what a GET computes: a client may keep it a while and then asks again, because a newer version may make it better. */
export const REVALIDATED = 'private, max-age=3600';

/** For bytes that never change under their URL. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';

const opaqueTag = (etag: string): string => etag.trim().replace(/^W\//, '');

/** Whether an `If-None-Match` or `If-Match` list names the entity tag; weak tags match by their value. */
function listNames(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((entry) => opaqueTag(entry) === opaqueTag(etag));
}

/** Whether the client has the representation of this entity tag already, so that 304 is the answer (RFC 9110, 13.1.2). */
export function isNotModified({ method, headers }: FastifyRequest, etag: string): boolean {
  const known = headers['if-none-match'];
  return method !== 'POST' && known !== undefined && listNames(known, etag);
}

/**
 * One range of a `Range` header: `first-last`, `first-` or `-suffix`. Undefined if it is to be ignored: another
 * unit, a malformed header, and several ranges (RFC 9110, 14.2 leaves it to the server to send the whole instead).
 */
function parseRange(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  return start < end ? { start, end } : 'unsatisfiable';
}

/** The range that is asked for; undefined for the whole. */
function requestedRange(
  request: FastifyRequest,
  size: number,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const { range, 'if-range': ifRange } = request.headers;
  if (range === undefined || request.method !== 'GET' || (ifRange !== undefined && ifRange !== etag))
    return undefined;
  return parseRange(range, size);
}

/**
 * Answers with immutable bytes: 200, 206 for a range, 304 if the client has them, 412 and 416 if its conditions
 * or range cannot be met (RFC 9110, 13 and 14).
 *
 * @throws AppError `precondition_failed`, `range_not_satisfiable`
 */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: Content,
): Promise<FastifyReply> {
  return sendMadeContent(request, reply, content, async () => content);
}

/**
 * The same for bytes that are made only if the client does not have them.
 *
 * @throws AppError as `sendContent`; what `make` throws
 */
export async function sendMadeContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: ContentHead,
  make: () => Promise<ContentBytes>,
): Promise<FastifyReply> {
  const etag = `"${content.sha256}"`;
  reply
    .header('etag', etag)
    .header('cache-control', content.cacheControl)
    .header('accept-ranges', 'bytes')
    .header('content-security-policy', CONTENT_SECURITY_POLICY)
    .header(
      'content-disposition',
      createContentDisposition(content.filename, { type: content.download ? 'attachment' : 'inline' }),
    );

  const { 'if-match': ifMatch } = request.headers;
  if (ifMatch !== undefined && !listNames(ifMatch, etag)) {
    throw new AppError('precondition_failed', `If-Match names another version; the content is ${etag}.`);
  }
  if (isNotModified(request, etag)) return reply.code(304).send();

  const { size, open } = await make();
  const range = requestedRange(request, size, etag);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${size}`);
    throw new AppError(
      'range_not_satisfiable',
      `The content has ${size} bytes; the range lies outside of them.`,
    );
  }
  reply.type(content.mediaType);
  if (range) {
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`);
  }
  const whole = { start: 0, end: size };
  const { start, end } = range ?? whole;
  reply.header('content-length', end - start);
  // An empty stream: for anything else Fastify would count its bytes as the length.
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(await open({ start, end }));
}
