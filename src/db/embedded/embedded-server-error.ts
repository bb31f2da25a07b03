/** The embedded PostgreSQL cannot be used. The message says why and how to fix it. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError';
}
