import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { faultsError, mismatch, Words } from '../../core/faults.ts';
import { type JsonLimits, unmetByJson } from '../../core/json-size.ts';
import { refuseEncoded } from './content-encoding.ts';

/** Maximum size of a JSON body; uploads have other limits. */
export const MAX_JSON_BYTES = 1024 * 1024;
/** No body that a schema accepts has more. The largest body, two lists of 10,000 points, has 60,000 values. */
export const JSON_LIMITS: JsonLimits = { values: 75_000, depth: 50, members: 200 };

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** A body for which a route has a schema must be JSON: any other type is refused before it is parsed. */
export const jsonBodies = fp(async (app) => {
  app.removeContentTypeParser(['text/plain', 'application/json']);
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const expected = unmetByJson(String(body), JSON_LIMITS);
    if (expected === undefined) return parse(request, String(body), done);
    const fault = { location: 'body', path: '', message: mismatch('', expected, new Words('more')) };
    done(faultsError({ listed: [fault], total: 1 }));
  });
  app.addHook('onRequest', async (request) => {
    const { 'content-type': type } = request.headers;
    if (type === undefined || request.routeOptions.schema?.body === undefined) return;
    if (!JSON_TYPE.test(type)) {
      throw new AppError('unsupported_media_type', 'Send the body as application/json.');
    }
    refuseEncoded(request);
  });
});
