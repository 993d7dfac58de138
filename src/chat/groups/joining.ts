import type { Transaction } from 'sequelize';
import { modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { Refused } from '../errors.ts';
import { requireBelowMembershipLimits } from './group-limits.ts';
import { requireMembers } from './require-stored.ts';
import { memberRoleOf } from './roles.ts';

/** Adds a user to groups. Existing memberships do not change. @throws {Refused} group_full, too_many_groups. */
export async function joinAll(groupIds: readonly number[], userId: number, transaction: Transaction): Promise<void> {
  await modelsOf(transaction).Membership.bulkCreate(
    groupIds.map((groupId) => ({ groupId, userId })),
    { ignoreDuplicates: true, transaction },
  );
  await requireMembers(groupIds, [userId], transaction);
  await requireBelowMembershipLimits(groupIds, [userId], transaction);
}

const HAS_LEFT_DIRECT = 'this user has left the direct chat: only they can open it again';

/** Checks that `adderId` may add the user. @throws {Refused} not_a_member if the adder is not a member; has_left if only an owner or admin can add this former member. */
export async function requireMayAdd(
  groupId: number,
  userId: number,
  adderId: number,
  transaction: Transaction,
): Promise<void> {
  const role = await memberRoleOf(groupId, adderId, transaction);
  if (role === null) throw new Refused('not_a_member');
  if (role !== 'member') return;
  const [former] = await query<{ is_direct: boolean }>(
    transaction,
    `SELECT g.direct_low IS NOT NULL AS is_direct FROM plantao.departures d JOIN plantao.groups g ON g.id = d.group_id
     WHERE d.group_id = $groupId AND d.user_id = $userId`,
    { groupId, userId },
  );
  // A direct chat has no owner and no invitations.
  if (former) throw new Refused('has_left', former.is_direct ? { sentence: HAS_LEFT_DIRECT } : {});
}
