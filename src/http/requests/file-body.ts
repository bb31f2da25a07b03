import { isUtf8 } from 'node:buffer';
import { parse } from 'content-disposition';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { refuseEncoded } from './content-encoding.ts';
import { type Form, type FormLimits, toUploadError, waitForFirst } from './multipart-form.ts';

type FileBodyLimits = Pick<FormLimits, 'maxFileBytes'>;

const PICTURE_TYPE = /^image\//i;

/** Whether the body is one picture, without a form around it. */
export function isFileBody({ headers }: FastifyRequest): boolean {
  return PICTURE_TYPE.test(headers['content-type'] ?? '');
}

/** Lets the routes of this scope read pictures as bodies, with `receiveFileBody`. */
export function acceptFileBodies(app: FastifyInstance): void {
  app.addContentTypeParser(PICTURE_TYPE, (_request, _body, done) => done(null));
}

/**
 * Refuses a picture by its headers, so that nothing of it is read.
 *
 * @throws AppError `unsupported_media_type` if the body is compressed, `file_too_large`
 */
export function refuseUnreceivableFile(request: FastifyRequest, { maxFileBytes }: FileBodyLimits): void {
  refuseEncoded(request);
  if (Number(request.headers['content-length'] ?? '0') > maxFileBytes) throw fileTooLarge(maxFileBytes);
}

function fileTooLarge(maxBytes: number): AppError {
  return new AppError('file_too_large', `The file is larger than the maximum of ${maxBytes} bytes.`);
}

/**
 * Yields the body as the only file, as if it came in a form. Its name is in `Content-Disposition`. Call `refuseUnreceivableFile` first.
 *
 * @throws AppError `incomplete_body`, `file_too_large`, also while the file is read
 */
export async function* receiveFileBody(request: FastifyRequest, { maxFileBytes }: FileBodyLimits): Form {
  try {
    // An upload takes its place when its bytes begin to arrive, as with a form.
    const chunks = await waitForFirst(readChunks(request, maxFileBytes));
    yield { filename: filenameOf(request), fields: {}, chunks, isTooLarge: () => false };
  } finally {
    // The rest of the body is dropped, so that the connection does not stall.
    request.raw.resume();
  }
}

async function* readChunks(
  request: FastifyRequest,
  maxFileBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  try {
    for await (const chunk of request.raw.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > maxFileBytes) throw fileTooLarge(maxFileBytes);
      yield chunk;
    }
  } catch (error) {
    throw toUploadError(error, request);
  }
}

function filenameOf({ headers }: FastifyRequest): string {
  const { 'content-disposition': header = '' } = headers;
  // Node decodes headers as Latin-1, but curl sends a name as the terminal writes it.
  const bytes = Buffer.from(header, 'latin1');
  return parse(isUtf8(bytes) ? bytes.toString() : header).parameters.filename ?? '';
}
