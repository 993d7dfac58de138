import type { Transaction } from 'sequelize';
import { query } from '../database/query.ts';

/**
 * Locks the event log until the commit. Every change that the log records locks it first, so what is read from now on stays
 * true: no group, membership, role or message changes between a check and the write that it permits.
 */
export async function lockEventLog(transaction: Transaction): Promise<void> {
  await query(transaction, 'SELECT plantao.lock_log()');
}
