import { withDatabaseAdvice } from '../../database/database-advice.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import { applicationName, connectionOptions } from '../../database/session/connection.ts';
import { DatabaseSession } from '../../database/session/database-session.ts';
import { type Query, runAndClose } from '../../database/session/run-and-close.ts';
import { errorMessage } from '../../error-message.ts';
import { processEnvironment } from '../../settings/process-environment.ts';
import { readDatabaseSettings } from '../../settings.ts';
import { type BlockingRow, blockingSentence } from './blocking-sentence.ts';
import { CommandError } from './exit.ts';

/** Deadline of each statement, in milliseconds: a database that is down or blocked is reported within it. */
const LIMIT_MS = 10_000;
/** A statement that waits for a lock ends sooner: then there is time to find out who holds it. */
const LOCK_SHARE = 0.3;

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
  const lockLimit = { lock_timeout: Math.floor(limitMs * LOCK_SHARE) };
  const session = await withDatabaseAdvice(url, () =>
    DatabaseSession.open(connectionOptions(url, applicationName('-', 'command'), limitMs, lockLimit)),
  );
  return runAndClose(session, limitMs, async (query) => {
    try {
      return await work(query);
    } catch (error) {
      if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) throw error;
      throw new CommandError(await describeBlockers(query, error));
    }
  });
}

/** Returns a sentence with the sessions that block, and the statements that end them. */
async function describeBlockers(query: Query, error: unknown): Promise<string> {
  // The failed statement may have been part of a transaction.
  await query('ROLLBACK');
  const blockers = await query<BlockingRow>('SELECT blocks, application_name, ended_by FROM plantao.blocking').catch(
    () => [],
  );
  if (blockers.length === 0)
    return `another transaction held a lock that this needs (${errorMessage(error)}): try again`;
  return `another transaction holds a lock that this needs. ${blockers.map(blockingSentence).join('; ')}`;
}
