import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { AppError } from '../../core/errors.ts';

/**
 * The available media type that the request's `Accept` prefers (RFC 9110, 12.5.1); the first of equally preferred ones.
 * Without `Accept`, the first of all.
 *
 * @throws AppError `not_acceptable` if `Accept` allows none of them
 */
export function negotiate<T extends string>(request: FastifyRequest, available: readonly T[]): T {
  const [preferred] = acceptable(request, available);
  if (preferred === undefined) {
    const formats = available.join(', ');
    throw new AppError('not_acceptable', `Accept allows none of the available formats: ${formats}.`);
  }
  return preferred;
}

/** The available media types that the request's `Accept` allows, most preferred first. */
export function acceptable<T extends string>(request: FastifyRequest, available: readonly T[]): T[] {
  return new Negotiator(request.raw).mediaTypes([...available]) as T[];
}

/** Adds names to the request headers that the answer depends on. Those that other code has named stay. */
export function varyBy(reply: FastifyReply, ...names: string[]): void {
  const named = String(reply.getHeader('vary') ?? '').split(', ');
  reply.header('vary', [...new Set([...named, ...names])].filter(Boolean).join(', '));
}

/** The media types in `Accept`, wildcards included, most preferred first. */
export function acceptedTypes(request: FastifyRequest): string[] {
  return new Negotiator(request.raw).mediaTypes();
}
