import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import { RateLimitedError, Refused } from '../errors.ts';

/** Maximum number of members of a group: GET /group-users lists them all, which is half a megabyte at this number. */
const MAX_MEMBERS = 10_000;
/** Maximum number of groups that a user joined or was added to. One poll listens to all of them, and a node caches their names for each listener. */
const MAX_JOINED = 1000;
/** Maximum number of groups that a user created and is in. Counted separately, so that a user whom strangers add to groups can still create some. */
const MAX_CREATED = 1000;
/** Maximum number of groups that a user creates in an hour, far above what people and bots do. */
const MAX_CREATED_PER_HOUR = 1000;
/** Maximum number of people that a user adds to groups in an hour: twice as many as one request may name. */
const MAX_ADDED_PER_HOUR = 2000;
/** Maximum number of groups that one statement lists or removes a user from: all groups of the user, unless a DBA added more. */
export const MAX_GROUPS = MAX_JOINED + MAX_CREATED;
/** Maximum number of members that GET /chats lists, of all groups together: one megabyte. Without it, a thousand full groups would be 500. */
export const MAX_LISTED = 20_000;

/**
 * Limits how many people one user adds to groups. Counts in the memory of the active node: a failover resets the count, which
 * at most doubles an hour's number.
 */
export class AddingLimit {
  readonly #limiter = new RateLimiterMemory({ points: MAX_ADDED_PER_HOUR, duration: 3600, keyPrefix: '' });

  /** Counts the number of `people` that a user adds. @throws {RateLimitedError}. */
  async count(adderId: number, people: number): Promise<void> {
    try {
      if (people > 0) await this.#limiter.consume(adderId, people);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) throw new RateLimitedError('people added to groups', refusal.msBeforeNext);
      throw refusal;
    }
  }
}

/**
 * Checks that none of these groups or users exceeds its limit. Call it after memberships were added, before the commit.
 * Concurrent transactions may not see each other, so a group can end up a few above the limit.
 * @throws {Refused} group_full, too_many_groups; the transaction then rolls back.
 */
export async function requireBelowMembershipLimits(
  groupIds: readonly number[],
  userIds: readonly number[],
  transaction: Transaction,
): Promise<void> {
  const [row] = await query<{ full: boolean }>(
    transaction,
    `SELECT EXISTS (SELECT FROM plantao.memberships WHERE group_id = ANY($groupIds::bigint[])
                    GROUP BY group_id HAVING count(*) > $maxMembers) AS full`,
    { groupIds, maxMembers: MAX_MEMBERS },
  );
  if (row?.full) throw new Refused('group_full');
  if ((await usersInMoreThan(MAX_JOINED, userIds, transaction)).length > 0) throw new Refused('too_many_groups');
}

/** Returns the users that cannot be added to another group. */
export async function usersAtGroupLimit(userIds: readonly number[], transaction: Transaction): Promise<Set<number>> {
  return new Set(await usersInMoreThan(MAX_JOINED - 1, userIds, transaction));
}

/** Returns the users in more than `max` groups created by others. Reads no more rows of a user than needed. */
async function usersInMoreThan(max: number, userIds: readonly number[], transaction: Transaction): Promise<number[]> {
  const rows = await query<{ id: number }>(
    transaction,
    `SELECT asked.id FROM unnest($userIds::bigint[]) AS asked (id)
     WHERE EXISTS (SELECT FROM plantao.memberships WHERE user_id = asked.id OFFSET $max)
       AND EXISTS (SELECT FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id
                   WHERE m.user_id = asked.id AND g.creator_id IS DISTINCT FROM asked.id OFFSET $max)`,
    { userIds, max },
  );
  return rows.map(({ id }) => id);
}

/**
 * Checks that a user has not created too many groups. Call it after groups were created, before the commit.
 * @throws {Refused} too_many_groups; {RateLimitedError} for the number in an hour.
 */
export async function requireBelowCreationLimits(creatorId: number, transaction: Transaction): Promise<void> {
  const [row] = await query<{ many: boolean; wait_ms: number | null }>(
    transaction,
    // The inner OFFSET 0 makes PostgreSQL look up each membership by its key.
    `SELECT EXISTS (SELECT FROM plantao.groups g WHERE g.creator_id = $creatorId
                      AND EXISTS (SELECT FROM plantao.memberships WHERE group_id = g.id AND user_id = $creatorId OFFSET 0)
                    OFFSET $maxCreated) AS many,
            (SELECT extract(epoch FROM created_at + interval '1 hour' - clock_timestamp())::float8 * 1000
             FROM plantao.groups WHERE creator_id = $creatorId
               -- In subqueries, because an index serves no comparison with a volatile function.
               AND created_at BETWEEN (SELECT clock_timestamp() - interval '1 hour') AND (SELECT clock_timestamp())
             ORDER BY created_at DESC OFFSET $maxPerHour LIMIT 1) AS wait_ms`,
    { creatorId, maxCreated: MAX_CREATED, maxPerHour: MAX_CREATED_PER_HOUR },
  );
  if (row?.many) {
    const sentence = `you are in ${MAX_CREATED} groups that you created, the maximum: leave or delete one first`;
    throw new Refused('too_many_groups', { sentence });
  }
  if (row && row.wait_ms !== null) throw new RateLimitedError('new groups', row.wait_ms);
}
