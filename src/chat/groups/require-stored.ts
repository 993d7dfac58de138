import type { Transaction } from 'sequelize';
import { modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';

/**
 * Fails the write unless `wanted` rows were stored in `table`. A DBA's trigger that returns NULL drops a row
 * without an error. @throws the database's error (plantao.require_stored).
 */
export async function requireStored(
  stored: number,
  wanted: number,
  table: string,
  transaction: Transaction,
): Promise<void> {
  if (stored === wanted) return;
  await query(transaction, 'SELECT plantao.require_stored($stored, $wanted, $table)', { stored, wanted, table });
}

/** Fails the write unless all these users are in all these groups now. @throws as {@link requireStored}. */
export async function requireMembers(
  groupIds: readonly number[],
  userIds: readonly number[],
  transaction: Transaction,
): Promise<void> {
  const where = { groupId: groupIds, userId: userIds } as Record<string, readonly number[]>;
  const stored = await modelsOf(transaction).Membership.count({ where, transaction });
  await requireStored(stored, new Set(groupIds).size * new Set(userIds).size, 'memberships', transaction);
}
