import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../core/errors.ts';
import { AppError } from '../../core/errors.ts';
import { mismatch } from '../../core/faults.ts';
import type { LocatedFault } from '../problems/fault-location.ts';

/**
 * A failure because of one header of the request, with its fault.
 *
 * @param name of the header, in lower case
 * @param expected of its value, with its article
 */
export function headerError(
  { headers }: FastifyRequest,
  code: ErrorCode,
  detail: string,
  { name, expected }: { name: string; expected: string },
): AppError {
  const message = mismatch(name, expected, headers[name]);
  const fault: LocatedFault = { location: 'header', path: `/${name}`, message };
  return new AppError(code, detail, { errors: [fault] });
}

/**
 * Whether a request has several headers of this name. Node drops or joins them, but a proxy in front of it may have used another one.
 */
export function isRepeated({ rawHeaders }: IncomingMessage, name: string): boolean {
  const wanted = name.toLowerCase();
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.length === wanted.length && rawHeaders[index]?.toLowerCase() === wanted)
      count += 1;
  }
  return count > 1;
}

/** An `unsupported_media_type` because of `Content-Type`. */
export function contentTypeError(request: FastifyRequest, accepted: string): AppError {
  return headerError(request, 'unsupported_media_type', `Send the body as ${accepted}.`, {
    name: 'content-type',
    expected: accepted,
  });
}
