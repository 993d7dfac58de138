import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { Membership } from '../database/models.ts';
import { TooManyTriesError } from './auth/sign-in-limits.ts';
import { Refused } from './errors.ts';

/** Members of a group: GET /group-users lists them all, half a megabyte of them at this number. */
const MOST_MEMBERS = 10_000;
/** Groups that a user was added to or joined: one poll listens to all, and a node keeps their names for each who listens. */
const MOST_JOINED = 1000;
/** Groups that a user created and is in. Counted apart: whoever is added to groups by strangers can still create their own. */
const MOST_CREATED = 1000;
/** Groups that a user creates in an hour, far above what people and bots do. */
const MOST_CREATED_AN_HOUR = 1000;
/** Groups of a user that are listed or left in one go: all there can be, unless a DBA made more. */
export const MOST_GROUPS = MOST_JOINED + MOST_CREATED;
/** Members that GET /chats lists, of all groups together: a megabyte. Without a bound, full groups would make 500 of them. */
export const MOST_LISTED = 20_000;

/**
 * Checks, after memberships were added and before that is committed, whether any of these groups or users now has more than
 * it may. Two who join at the same moment may not see each other, so a group can end up a few above.
 * @throws {Refused} group_full, too_many_groups; the transaction then rolls back.
 */
export async function requireRoom(
  groupIds: readonly number[],
  userIds: readonly number[],
  transaction: Transaction,
): Promise<void> {
  const [row] = await sequelize().query<{ full: boolean }>(
    `SELECT EXISTS (SELECT FROM plantao.memberships WHERE group_id = ANY($groupIds::bigint[])
                    GROUP BY group_id HAVING count(*) > $mostMembers) AS full`,
    { bind: { groupIds, mostMembers: MOST_MEMBERS }, type: QueryTypes.SELECT, transaction },
  );
  if (row?.full) throw new Refused('group_full');
  if ((await usersInMoreThan(MOST_JOINED, userIds, transaction)).length > 0) throw new Refused('too_many_groups');
}

/** Those of these users that cannot be added to one more group. */
export async function usersWithoutRoom(userIds: readonly number[], transaction: Transaction): Promise<Set<number>> {
  return new Set(await usersInMoreThan(MOST_JOINED - 1, userIds, transaction));
}

/** Users in more groups of others than `most`. Looks at no more rows of a user than that takes to know. */
async function usersInMoreThan(most: number, userIds: readonly number[], transaction: Transaction): Promise<number[]> {
  const rows = await sequelize().query<{ id: number }>(
    `SELECT asked.id FROM unnest($userIds::bigint[]) AS asked (id)
     WHERE EXISTS (SELECT FROM plantao.memberships WHERE user_id = asked.id OFFSET $most)
       AND EXISTS (SELECT FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id
                   WHERE m.user_id = asked.id AND g.creator_id IS DISTINCT FROM asked.id OFFSET $most)`,
    { bind: { userIds, most }, type: QueryTypes.SELECT, transaction },
  );
  return rows.map(({ id }) => id);
}

/**
 * Checks, after a user created groups and before that is committed, that they have not created too many.
 * @throws {Refused} too_many_groups; {TooManyTriesError} for the number in an hour.
 */
export async function requireRoomToCreate(creatorId: number, transaction: Transaction): Promise<void> {
  const [row] = await sequelize().query<{ many: boolean; wait_ms: number | null }>(
    `SELECT EXISTS (SELECT FROM plantao.groups g JOIN plantao.memberships m ON m.group_id = g.id AND m.user_id = g.creator_id
                    WHERE g.creator_id = $creatorId OFFSET $most) AS many,
            (SELECT extract(epoch FROM created_at + interval '1 hour' - clock_timestamp())::float8 * 1000
             FROM plantao.groups WHERE creator_id = $creatorId
               AND created_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()
             ORDER BY created_at DESC OFFSET $mostAnHour LIMIT 1) AS wait_ms`,
    {
      bind: { creatorId, most: MOST_CREATED, mostAnHour: MOST_CREATED_AN_HOUR },
      type: QueryTypes.SELECT,
      transaction,
    },
  );
  if (row?.many)
    throw new Refused('too_many_groups', { sentence: 'you have created as many groups as a user may have' });
  if (row && row.wait_ms !== null) throw new TooManyTriesError('new groups', row.wait_ms);
}

const sequelize = () => Membership.sequelize as Sequelize;
