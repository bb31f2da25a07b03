import type { FastifyInstance } from 'fastify';

/** The media type of a form of text fields. */
export const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Lets the routes of this scope read forms of text fields; their schemas have `consumes: [FORM_TYPE]`. */
export function acceptFormBodies(app: FastifyInstance): void {
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string' }, (_request, body, done) =>
    done(null, readForm(String(body))),
  );
}

/** The fields of a form. One that is given twice is an array, which a schema of texts refuses. */
function readForm(body: string): Record<string, string | string[]> {
  const parameters = new URLSearchParams(body);
  const fields = [...new Set(parameters.keys())].map((name) => {
    const values = parameters.getAll(name);
    return [name, values.length === 1 ? values[0] : values];
  });
  return Object.fromEntries(fields);
}
