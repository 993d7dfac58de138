import type pg from 'pg';
import type { DatabaseSession } from './database-session.ts';

/** Runs one statement on a session and returns its rows. */
export type Query = <Row extends object = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<Row[]>;

/** The client waits this much longer than the server, in milliseconds, so that it learns the outcome of a statement. */
const SERVER_FIRST_MS = 500;

/**
 * Runs `work` on a session and closes it. `statementLimitMs` is the limit with which the session was opened.
 * @throws the error of `work`; for a statement, as {@link DatabaseSession.query}.
 */
export async function runAndClose<T>(
  session: DatabaseSession,
  statementLimitMs: number,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  try {
    return await work(<Row extends object>(text: string, values: unknown[] = []) =>
      session.query<Row & pg.QueryResultRow>({ text, values }, statementLimitMs + SERVER_FIRST_MS),
    );
  } finally {
    await session.close();
  }
}
