/** A database URL that cannot be used; the message goes on from "DATABASE_URL" and never shows the password. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
}
