import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { refuseEncoded } from './content-encoding.ts';

/** Maximum size of a JSON body; uploads have other limits. */
export const MAX_JSON_BYTES = 1024 * 1024;

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** A body for which a route has a schema must be JSON: any other type is refused before it is parsed. */
export const jsonBodies = fp(async (app) => {
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request) => {
    const { 'content-type': type } = request.headers;
    if (type === undefined || request.routeOptions.schema?.body === undefined) return;
    if (!JSON_TYPE.test(type)) {
      throw new AppError('unsupported_media_type', 'Send the body as application/json.');
    }
    refuseEncoded(request);
  });
});
