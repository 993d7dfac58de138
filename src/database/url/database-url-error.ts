/** A database URL that cannot be used. The message continues "DATABASE_URL" and never shows the password. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
}
