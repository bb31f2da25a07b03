import type { Readable } from 'node:stream';
import { Type } from '@sinclair/typebox';
import { create as createContentDisposition } from 'content-disposition';
import type { FastifyReply, FastifyRequest } from 'fastify';
import parseRange from 'range-parser';
import type { ByteRange } from '../blobs/blob-store.ts';
import { AppError } from '../errors.ts';

/** Immutable bytes as they are sent: with validators, ranges and a safe file name. */
export interface Content {
  /** Hexadecimal SHA-256 of the bytes: the strong ETag. */
  sha256: string;
  size: number;
  mediaType: string;
  filename: string;
  /** Offer the file for saving instead of showing it. */
  download?: boolean;
  cacheControl: string;
  /** The bytes of a range. Called only when they are really sent. */
  open(range: ByteRange): Promise<Buffer | Readable>;
}

/** Shows a picture and runs nothing, wherever it is opened (OWASP: uploaded content). */
const CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

export const ContentQuerySchema = Type.Object(
  {
    download: Type.Boolean({
      default: false,
      description: 'Offer the file for saving instead of showing it.',
    }),
  },
  { additionalProperties: false },
);

/** The `response` entries of a route's schema that answers with content. */
export function contentResponses(mediaType: string): Record<number, object> {
  const content = { [mediaType]: { schema: {} } };
  return {
    200: { description: 'The bytes.', content },
    206: { description: 'The range of the bytes that was asked for.', content },
    304: { type: 'null', description: 'The client has these bytes (`If-None-Match`).' },
  };
}

/** For bytes that never change under their URL. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';

/** Whether an `If-None-Match` or `If-Match` list names the entity tag; weak tags match by their value. */
function listNames(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag);
}

/** The range asked for, undefined for the whole. Several ranges are answered with the whole, as RFC 9110 14.2 allows. */
function requestedRange(request: FastifyRequest, content: Content, etag: string): ByteRange | undefined {
  const { range: header, 'if-range': ifRange } = request.headers;
  if (header === undefined || request.method !== 'GET') return undefined;
  if (ifRange !== undefined && ifRange !== etag) return undefined;
  const ranges = parseRange(content.size, header, { combine: true });
  if (ranges === -2) return undefined;
  if (ranges === -1) {
    throw new AppError(
      'range_not_satisfiable',
      `The content has ${content.size} bytes; ${JSON.stringify(header.slice(0, 100))} is outside.`,
    );
  }
  const [first] = ranges;
  if (ranges.type !== 'bytes' || ranges.length !== 1 || first === undefined) return undefined;
  return { start: first.start, end: first.end + 1 };
}

/**
 * Answers with immutable bytes: 200, 206 for a range, 304 where the client has them, 412 and 416 where its conditions
 * or range can't be met (RFC 9110, 13 and 14).
 *
 * @throws AppError `precondition_failed`, `range_not_satisfiable`
 */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: Content,
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

  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
  if (ifMatch !== undefined && !listNames(ifMatch, etag)) {
    throw new AppError('precondition_failed', `If-Match names another version; the content is ${etag}.`);
  }
  if (ifNoneMatch !== undefined && listNames(ifNoneMatch, etag)) return reply.code(304).send();

  let range: ByteRange | undefined;
  try {
    range = requestedRange(request, content, etag);
  } catch (error) {
    reply.header('content-range', `bytes */${content.size}`);
    throw error;
  }
  reply.type(content.mediaType);
  if (range) {
    reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${content.size}`);
  }
  const whole = { start: 0, end: content.size };
  const { start, end } = range ?? whole;
  reply.header('content-length', end - start);
  if (request.method === 'HEAD') return reply.send();
  return reply.send(await content.open({ start, end }));
}
