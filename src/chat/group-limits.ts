import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { Membership } from '../database/models.ts';
import { Refused } from './errors.ts';

/** Members of a group: GET /group-users lists them all, half a megabyte of them at this number. */
const MOST_MEMBERS = 10_000;
/** Groups of a user: one poll listens to all of them, and a node keeps their names for each user who listens. */
const MOST_GROUPS = 1000;
/** Members that GET /chats lists, of all groups together: a megabyte. Without a bound, full groups would make 500 of them. */
export const MOST_LISTED = 20_000;

/**
 * Looks, after memberships were added and before that is committed, whether any of these groups or users now has more
 * than it may. Two who join at the same moment may not see each other, so a group can end up a few above.
 * @throws {Refused} group_full, too_many_groups; the transaction then rolls back.
 */
export async function requireRoom(
  groupIds: readonly number[],
  userIds: readonly number[],
  transaction: Transaction,
): Promise<void> {
  const [row] = await (Membership.sequelize as Sequelize).query<{ full: boolean; many: boolean }>(
    `SELECT EXISTS (SELECT FROM plantao.memberships WHERE group_id = ANY($groupIds::bigint[])
                    GROUP BY group_id HAVING count(*) > $mostMembers) AS full,
            EXISTS (SELECT FROM plantao.memberships WHERE user_id = ANY($userIds::bigint[])
                    GROUP BY user_id HAVING count(*) > $mostGroups) AS many`,
    {
      bind: { groupIds, userIds, mostMembers: MOST_MEMBERS, mostGroups: MOST_GROUPS },
      type: QueryTypes.SELECT,
      transaction,
    },
  );
  if (row?.full) throw new Refused('group_full');
  if (row?.many) throw new Refused('too_many_groups');
}
