/** The embedded PostgreSQL cannot be used. The message says why, and what its reader can do about it. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError';
}
