import { connectionOptions } from '../../database/session/connection.ts';
import { DatabaseSession } from '../../database/session/database-session.ts';
import { type Query, runAndClose } from '../../database/session/run-and-close.ts';

/** Before version 15, CREATE DATABASE waits for a checkpoint of the whole server. */
const LIMIT_MS = 120_000;

/** Runs `work` on a session of its own and closes it. @throws the server's error; {SessionLostError}. */
export async function withAdminSession<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const session = await DatabaseSession.open(connectionOptions(url, 'plantao-prove:-:admin', LIMIT_MS));
  return runAndClose(session, LIMIT_MS, work);
}
