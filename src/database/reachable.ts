import { describeDatabase } from './database-url.ts';
import { messageOf } from './errors.ts';
import { MigrationError } from './migrator.ts';

/** What to do about a pooler; a sentence. */
export const DIRECT =
  'It goes through a transaction pooler: set DATABASE_DIRECT_URL to PostgreSQL itself (DATABASE_URL may stay as it is)';

/** Raised where the database could not be worked with; the message names it and the settings, never the password. */
export class DatabaseUnusableError extends Error {
  override readonly name = 'DatabaseUnusableError';
}

/**
 * Does `work`, which is the first to need the database at `url`.
 * @throws {DatabaseUnusableError} a sentence for the operator, where it fails; a {@link MigrationError} is one already.
 */
export async function reachable<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MigrationError) throw error;
    const reason = messageOf(error);
    // What PgBouncer says to settings of the session.
    const advice = reason.includes('unsupported startup parameter')
      ? `. ${DIRECT}`
      : ': look at DATABASE_URL, or DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME';
    throw new DatabaseUnusableError(`the database ${describeDatabase(url)} cannot be used (${reason})${advice}`, {
      cause: error,
    });
  }
}
