import type { FastifyRequest } from 'fastify';
import { headerError } from './header-faults.ts';

/** @throws AppError `unsupported_media_type` if the body is compressed: bodies are not decompressed */
export function refuseEncoded(request: FastifyRequest): void {
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  if (encoding.toLowerCase() !== 'identity') {
    throw headerError(request, 'unsupported_media_type', 'Send the body without a Content-Encoding.', {
      name: 'content-encoding',
      expected: 'identity or no header',
    });
  }
}
