import type pg from 'pg';
import { reachable } from '../../database/reachable.ts';
import { applicationName, connectionOptions } from '../../database/session/connection.ts';
import { Session } from '../../database/session/session.ts';
import { processEnvironment, readDatabaseSettings } from '../../settings.ts';

/** Deadline of each statement, in milliseconds: a database that is down or blocked is reported within it. */
const LIMIT_MS = 10_000;

/** Runs one statement and returns its rows. */
export type Query = <Row extends object = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<Row[]>;

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
  try {
    return await work(<Row extends object>(text: string, values: unknown[] = []) =>
      session.query<Row & pg.QueryResultRow>({ text, values }, limitMs + 500),
    );
  } finally {
    await session.close();
  }
}
