import type { Transaction } from 'sequelize';
import { query } from '../database/query.ts';

/**
 * Records who changes groups and memberships in the rest of the transaction, so that their events name that user. Does nothing if
 * `userId` is null. Grants no permission.
 */
export async function actAs(userId: number | null, transaction: Transaction): Promise<void> {
  if (userId !== null) await query(transaction, 'SELECT plantao.act_as($userId)', { userId });
}
