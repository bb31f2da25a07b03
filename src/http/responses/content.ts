import { Readable } from 'node:stream';
import { Type } from '@sinclair/typebox';
import { create as createContentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlobReader } from '../../blobs/blob-reader.ts';
import type { BlobRef, ByteRange } from '../../blobs/blob-store.ts';
import { AppError } from '../../core/errors.ts';
import { bytesContent, ObjectWithDefaults } from '../../core/schema.ts';
import { RESPONSE_HEADERS } from './responses.ts';

/** The fields of an answer's headers. */
export interface ContentHead {
  /** Hexadecimal SHA-256 of the bytes, or of everything that they are made from: the strong ETag. */
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
  /** The bytes of a range. Called only to send them. */
  open(range: ByteRange): Promise<Buffer | Readable>;
}

export interface Content extends ContentHead, ContentBytes {}

export type StoredBytes = BlobRef & Pick<ContentHead, 'mediaType' | 'filename'>;

export function storedContent(
  blobs: BlobReader,
  stored: StoredBytes,
  options: Pick<ContentHead, 'cacheControl' | 'download'>,
): Content {
  const { sha256, size, mediaType, filename } = stored;
  const open = (range: ByteRange) => blobs.open(stored, range);
  return { sha256: sha256.toString('hex'), size, mediaType, filename, ...options, open };
}

/** Lets a browser show a picture but run nothing (OWASP: uploaded content). */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

export const ContentQuerySchema = ObjectWithDefaults({
  download: Type.Boolean({
    default: false,
    description: 'Offer the file for saving instead of showing it.',
  }),
});

const ETAG_HEADER = { etag: RESPONSE_HEADERS.etag };

/** The `response` entries of a route that answers with stored bytes. */
export function contentResponses(...mediaTypes: readonly string[]): Record<number, object> {
  const content = bytesContent(...mediaTypes);
  return { 200: { description: 'The bytes.', content, headers: ETAG_HEADER }, ...partialResponses(content) };
}

/** The `response` entries for range and conditional requests, with the headers of the whole bytes. */
export function partialResponses(content: object, whole: object = ETAG_HEADER): Record<number, object> {
  return {
    206: {
      description: 'The requested range of the bytes.',
      content,
      headers: { ...whole, 'content-range': RESPONSE_HEADERS['content-range'] },
    },
    304: {
      type: 'null',
      description: 'The client already has these bytes (`If-None-Match`).',
      headers: whole,
    },
  };
}

/** For results of a GET: clients ask again after an hour, because a newer version may compute them differently. */
export const REVALIDATED = 'private, max-age=3600';

/** For bytes whose URL never gets others. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';

const opaqueTag = (etag: string): string => etag.trim().replace(/^W\//, '');

/** Whether an `If-None-Match` or `If-Match` list contains the entity tag; weak tags match by their value. */
function listNames(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((entry) => opaqueTag(entry) === opaqueTag(etag));
}

/** Whether the client already has the representation with this entity tag, so that the answer is 304 (RFC 9110, 13.1.2). */
export function isNotModified({ method, headers }: FastifyRequest, etag: string): boolean {
  const known = headers['if-none-match'];
  return method !== 'POST' && known !== undefined && listNames(known, etag);
}

/**
 * The range that a `Range` header asks for: `first-last`, `first-` or `-suffix`. Undefined for the whole: without the header, and
 * if it is malformed or names another unit or several ranges (RFC 9110, 14.2 lets the server ignore it).
 */
function requestedRange(
  { method, headers }: FastifyRequest,
  size: number,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const { range = '', 'if-range': ifRange = etag } = headers;
  if (method !== 'GET' || ifRange !== etag) return undefined;
  const [, first = '', last = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(range) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  return start < end ? { start, end } : 'unsatisfiable';
}

/**
 * Answers with immutable bytes: 200, 206 for a range, 304 if the client has them, 412 or 416 if its condition or range cannot
 * be met (RFC 9110, 13 and 14).
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
 * Like `sendContent`, for bytes that are made only if the client does not have them.
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
    throw new AppError('precondition_failed', `If-Match does not match; the current ETag is ${etag}.`);
  }
  if (isNotModified(request, etag)) return reply.code(304).send();

  const { size, open } = await make();
  const range = requestedRange(request, size, etag);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${size}`);
    throw new AppError('range_not_satisfiable', `The range lies outside the content of ${size} bytes.`);
  }
  reply.type(content.mediaType);
  if (range) {
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`);
  }
  const { start, end } = range ?? { start: 0, end: size };
  reply.header('content-length', end - start);
  // An empty stream, because Fastify would replace the length with that of any other body.
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(await open({ start, end }));
}
