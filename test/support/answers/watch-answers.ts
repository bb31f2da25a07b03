import { channel } from 'node:diagnostics_channel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AnswersDocument, DocumentedAnswers, isChecked, mediaTypeOf } from './documented-answers.ts';

/** Fastify tells it of every instance before it has plugins, so that a hook applies to all routes. */
const INITIALIZATION = channel('fastify.initialization');

/**
 * Compares every answer of the instances that are created from now on with their own documents.
 *
 * @param report gets each difference
 * @returns a function that ends this for further instances
 */
export function watchNewInstances(report: (difference: string) => void): () => void {
  const watch = (message: unknown) =>
    watchInstance((message as { fastify: FastifyInstance }).fastify, report);
  INITIALIZATION.subscribe(watch);
  return () => void INITIALIZATION.unsubscribe(watch);
}

function watchInstance(app: FastifyInstance, report: (difference: string) => void): void {
  let documented: DocumentedAnswers | undefined;
  app.addHook('onRequest', (request, reply, done) => {
    const body = collectBody(reply);
    const compare = (bytes: Buffer | undefined) => {
      reply.raw.off('finish', finish).off('close', breakOff);
      // Only the service itself has a document. An answer whose header was not sent is none.
      if (!app.hasDecorator('swagger') || !reply.raw.headersSent) return;
      // What workers ask for is between the two of them.
      if (request.routeOptions.config?.access === 'worker') return;
      documented ??= new DocumentedAnswers(documentOf(app));
      for (const difference of documented.differences({ ...headOf(request, reply), body: bytes }))
        report(difference);
    };
    const finish = () => compare(body());
    const breakOff = () => compare(undefined);
    // Together with those of an injected request, there may be more listeners than Node takes for usual.
    reply.raw.setMaxListeners(20).on('finish', finish).on('close', breakOff);
    done();
  });
}

/** The document as it is served. */
function documentOf(app: FastifyInstance): AnswersDocument {
  return JSON.parse(JSON.stringify(app.swagger()));
}

function headOf(request: FastifyRequest, reply: FastifyReply) {
  const { method, url, is404, routeOptions } = request;
  const route = is404 ? undefined : routeOptions.url;
  return { method, url, route, status: reply.raw.statusCode, headers: reply.getHeaders() };
}

/** Keeps the body on its way out; only whether there is one if its media type is not checked. */
function collectBody(reply: FastifyReply): () => Buffer {
  const chunks: Uint8Array[] = [];
  const { raw } = reply;
  const collect = (chunk: unknown) => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) return;
    if (isChecked(mediaTypeOf(reply.getHeader('content-type')))) chunks.push(bytes);
    else if (chunks.length === 0) chunks.push(bytes.subarray(0, 1));
  };
  // `end` of an injected answer calls `write`.
  let isSending = false;
  for (const name of ['write', 'end'] as const) {
    const send = raw[name] as (...values: unknown[]) => unknown;
    const sendAndKeep = (...values: unknown[]) => {
      if (isSending) return send.apply(raw, values);
      isSending = true;
      collect(values[0]);
      try {
        return send.apply(raw, values);
      } finally {
        isSending = false;
      }
    };
    Object.assign(raw, { [name]: sendAndKeep });
  }
  return () => Buffer.concat(chunks);
}
