import type { FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';

/** @throws AppError `unsupported_media_type` if the body is compressed: bodies are not decompressed */
export function refuseEncoded({ headers }: FastifyRequest): void {
  const { 'content-encoding': encoding = 'identity' } = headers;
  if (encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without a Content-Encoding.');
  }
}
