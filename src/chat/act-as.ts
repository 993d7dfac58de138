import type { Transaction } from 'sequelize';
import { query } from '../database/query.ts';

/**
 * Names the user for whom the rest of the transaction changes groups and memberships, so that their events say who it was. Does
 * nothing if that is not known. It grants nothing: permissions are checked by other means.
 */
export async function actAs(userId: number | null, transaction: Transaction): Promise<void> {
  if (userId !== null) await query(transaction, 'SELECT plantao.act_as($userId)', { userId });
}
