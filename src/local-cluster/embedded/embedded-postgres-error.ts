/** Thrown when the embedded PostgreSQL cannot be used. The message is a sentence for the person who started it. */
export class EmbeddedPostgresError extends Error {
  override name = 'EmbeddedPostgresError';
}
