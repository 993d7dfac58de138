import type { Sequelize, Transaction } from 'sequelize';
import { User } from '../database/models.ts';

/**
 * Locks the event log until the commit. Every change that the log records locks it first, so what is read from now on stays
 * true: no group, membership, role or message changes between a check and the write that it permits.
 */
export async function lockLog(transaction: Transaction): Promise<void> {
  await (User.sequelize as Sequelize).query('SELECT plantao.lock_log()', { transaction });
}
