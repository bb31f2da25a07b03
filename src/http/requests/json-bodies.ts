import fp from 'fastify-plugin';
import { AppError } from '../../core/errors.ts';
import { faultsError, mismatch, Words } from '../../core/faults.ts';
import { type JsonLimits, unmetByJson } from '../../core/json-size.ts';
import { jsonSyntaxFault } from '../../core/json-syntax.ts';
import type { LocatedFault } from '../problems/fault-location.ts';
import { refuseEncoded } from './content-encoding.ts';
import { contentTypeError } from './header-faults.ts';

/** Maximum size of a JSON body; uploads have other limits. */
export const MAX_JSON_BYTES = 1024 * 1024;
/** No body that a schema accepts has more. The largest body, two lists of 10,000 points, has 60,000 values. */
export const JSON_LIMITS: JsonLimits = { values: 75_000, depth: 50, members: 200 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Values that a JSON body may have in a long list, besides those of any other body. */
    listedValues?: number;
  }
}

const JSON_TYPE = 'application/json';

const FORBIDDEN_NAMES = mismatch(
  '',
  'JSON without members named `__proto__` or `constructor`',
  new Words('one of them'),
);

function wholeBodyFault(message: string): LocatedFault {
  return { location: 'body', path: '', message };
}

/**
 * Why the parser failed. It fails either because of the syntax or because of names that could change prototypes. The parser's own
 * error is not kept, because it repeats a part of the body, which may hold a password, and errors are logged.
 */
function malformedJson(text: string): AppError {
  const syntaxFault = jsonSyntaxFault(text);
  const message = syntaxFault ?? FORBIDDEN_NAMES;
  const detail = syntaxFault === undefined ? message : `The body is not valid JSON. ${message}`;
  return new AppError('malformed_json', detail, { errors: [wholeBodyFault(message)] });
}

/**
 * A body for which a route has a schema must be JSON, or what the schema `consumes`. Any other type is refused before it is
 * parsed.
 */
export const jsonBodies = fp(async (app) => {
  app.removeContentTypeParser(['text/plain', 'application/json']);
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'string' }, (request, body, done) => {
    const { listedValues = 0 } = request.routeOptions.config;
    const limits = { ...JSON_LIMITS, values: JSON_LIMITS.values + listedValues };
    const expected = unmetByJson(String(body), limits);
    if (expected !== undefined) {
      return done(
        faultsError({ listed: [wholeBodyFault(mismatch('', expected, new Words('more')))], total: 1 }),
      );
    }
    parse(request, String(body), (error, value) =>
      error ? done(malformedJson(String(body))) : done(null, value),
    );
  });
  app.addHook('onRequest', async (request) => {
    const { 'content-type': type } = request.headers;
    const { body, consumes: [accepted = JSON_TYPE] = [] } = request.routeOptions.schema ?? {};
    if (type === undefined || body === undefined) return;
    const [given = ''] = type.split(';', 1);
    if (given.trim().toLowerCase() !== accepted) throw contentTypeError(request, accepted);
    refuseEncoded(request);
  });
});
