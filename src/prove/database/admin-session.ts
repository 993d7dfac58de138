import type pg from 'pg';
import { connectionOptions } from '../../database/session/connection.ts';
import { Session } from '../../database/session/session.ts';

/** Before version 15, CREATE DATABASE waits for a checkpoint of the whole server. */
const LIMIT_MS = 120_000;

/** Runs one statement and returns its rows. */
export type Query = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Runs `work` on a session of its own and closes it. @throws the server's error; {SessionLostError}. */
export async function withAdminSession<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const session = await Session.open(connectionOptions(url, 'plantao-prove:-:admin', LIMIT_MS));
  try {
    return await work(<Row extends object>(text: string, values: unknown[] = []) =>
      session.query<Row & pg.QueryResultRow>({ text, values }, LIMIT_MS + 500),
    );
  } finally {
    await session.close();
  }
}
