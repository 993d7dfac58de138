import { reachable } from '../../database/reachable.ts';
import { applicationName, connectionOptions } from '../../database/session/connection.ts';
import { type Query, runAndClose } from '../../database/session/run-and-close.ts';
import { Session } from '../../database/session/session.ts';
import { processEnvironment, readDatabaseSettings } from '../../settings.ts';

/** Deadline of each statement, in milliseconds: a database that is down or blocked is reported within it. */
const LIMIT_MS = 10_000;

export type { Query };

/** Returns the URL of `--database`, or of the settings. @throws {SettingsError}. */
export function databaseUrl(given: string | undefined): string {
  const env = processEnvironment();
  return readDatabaseSettings(given === undefined ? env : { DATABASE_URL: given }).databaseDirectUrl;
}

/**
 * Runs `work` on a session of its own and closes it.
 * @throws {DatabaseUnusableError} a sentence, within seconds, if there is no database; {SettingsError}.
 */
export async function withDatabase<T>(
  given: string | undefined,
  work: (query: Query) => Promise<T>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const url = databaseUrl(given);
  const options = connectionOptions(url, applicationName('-', 'command'), limitMs);
  const session = await reachable(url, () => Session.open(options));
  return runAndClose(session, limitMs, work);
}
