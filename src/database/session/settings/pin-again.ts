/**
 * Sets the settings of a session back before its next statement if an earlier one may have changed them (setting-changes.ts).
 * Callers wait only if {@link pinsDue} returns statements: in an unchanged session no statement is delayed, not even by a microtask.
 */
import type pg from 'pg';
import { sqlState } from '../../errors.ts';
import type { PinnedConnection } from '../pinned-connection.ts';

/** Members of the driver's client that its types lack. */
interface Inner {
  connection: PinnedConnection;
  _txStatus: 'I' | 'T' | 'E' | null;
}

/** Returns the statements to send first; null, as nearly always, if no setting may have changed. */
export function pinsDue(client: pg.Client): string | null {
  const { connection, _txStatus: transaction } = client as unknown as Inner;
  return connection.repair(transaction);
}

/** Checks the reply to {@link pinsDue}. @throws {SessionSettingsError}: the session must not be used any more. */
export function checkPins(client: pg.Client, reply: unknown): void {
  (client as unknown as Inner).connection.checkRepair(reply);
}

/** Notes that a statement has failed, perhaps because of a setting. A violated constraint is never due to a setting. */
export function doubtSettings(client: pg.Client, error: unknown): void {
  const state = sqlState(error);
  if (state !== null && !state.startsWith('23')) (client as unknown as Inner).connection.doubtSettings();
}
