import { type OpenApiDocument, operationsOf } from './openapi-schemas.ts';

/** Says of headers whether they are required. `@fastify/swagger` leaves that in their schemas, where it means something else. */
export function requireHeaders(document: OpenApiDocument): void {
  for (const { responses = {} } of operationsOf(document)) {
    for (const { headers = {} } of Object.values(responses)) {
      for (const header of Object.values(headers)) {
        const { required, ...schema } = header.schema ?? {};
        if (required === undefined) continue;
        header.required = Boolean(required);
        header.schema = schema;
      }
    }
  }
}
