import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { AppError } from '../../core/errors.ts';

/**
 * The media type among those on offer that the request's `Accept` prefers (RFC 9110, 12.5.1); of equally preferred
 * ones the first on offer. Without `Accept`, the first.
 *
 * @throws AppError `not_acceptable` if none is accepted
 */
export function negotiate<T extends string>(request: FastifyRequest, offered: readonly T[]): T {
  const [preferred] = acceptable(request, offered);
  if (preferred === undefined) {
    throw new AppError('not_acceptable', `Accept allows none of what is on offer: ${offered.join(', ')}.`);
  }
  return preferred;
}

/** The media types on offer that the request's `Accept` allows, most preferred first. */
export function acceptable<T extends string>(request: FastifyRequest, offered: readonly T[]): T[] {
  return new Negotiator(request.raw).mediaTypes([...offered]) as T[];
}

/** Says that the answer depends on `Accept`, beside what else it depends on. */
export function varyByAccept(reply: FastifyReply): void {
  const others = reply.getHeader('vary');
  reply.header('vary', others === undefined ? 'Accept' : `${others}, Accept`);
}

/** The media types that `Accept` names, wildcards too, most preferred first. */
export function acceptedTypes(request: FastifyRequest): string[] {
  return new Negotiator(request.raw).mediaTypes();
}
