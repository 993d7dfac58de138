import type pg from 'pg';
import { sqlState } from '../errors.ts';
import type { PinnedConnection } from './pinned-connection.ts';

/** Members of the driver's client that its types lack. */
interface Inner {
  connection: PinnedConnection;
  _txStatus: 'I' | 'T' | 'E' | null;
}

/**
 * Sets the settings of a session back before its next statement if an earlier one may have changed them: a trigger or a function of a
 * DBA's did. PostgreSQL reports some of the settings when they change; the others make statements fail ({@link doubtSettings}). `run`
 * sends a statement on the client. Costs nothing unless a setting may have changed.
 * @throws the error of `run`, and {SessionSettingsError}: the session must not be used any more.
 */
export async function pinAgain(client: pg.Client, run: (text: string) => Promise<unknown>): Promise<void> {
  const { connection, _txStatus: status } = client as unknown as Inner;
  // An aborted transaction accepts no statement, and its end takes the changes back.
  const text = status === 'I' || status === 'T' ? connection.repair(status) : null;
  if (text !== null) connection.repaired(await run(text));
}

/** Notes that a statement has failed, perhaps because of a setting. One that violates a constraint has not. */
export function doubtSettings(client: pg.Client, error: unknown): void {
  const state = sqlState(error);
  if (state !== null && !state.startsWith('23')) (client as unknown as Inner).connection.doubt();
}
