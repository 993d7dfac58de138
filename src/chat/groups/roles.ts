import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';

/** The roles of members, the most powerful first. */
export const ROLES = ['owner', 'admin', 'member'] as const;
/** A member's role in a group. */
export type MemberRole = (typeof ROLES)[number];
/** The roles that administer a group. */
export const OWNERS_AND_ADMINS: readonly MemberRole[] = ['owner', 'admin'];

/** Returns a user's role in a group; null if the user is not a member. */
export async function memberRoleOf(
  groupId: number,
  userId: number,
  on: Sequelize | Transaction,
): Promise<MemberRole | null> {
  const [row] = await query<{ role: MemberRole }>(
    on,
    'SELECT role FROM plantao.memberships WHERE group_id = $groupId AND user_id = $userId',
    { groupId, userId },
  );
  return row?.role ?? null;
}

/**
 * Locks the event log and checks that the actor has one of these roles in a group that can be administered. Returns the role; null
 * if `actorId` is null, because callers are not authenticated (AUTH=open).
 * @throws {Refused} not_a_member, group_not_found, direct_chat, forbidden.
 */
export async function requireRole(
  groupId: number,
  actorId: number | null,
  allowed: readonly MemberRole[],
  transaction: Transaction,
): Promise<MemberRole | null> {
  await lockEventLog(transaction);
  const actor = actorId === null ? null : await memberRoleOf(groupId, actorId, transaction);
  // Before group_not_found, so that non-members do not learn which groups exist.
  if (actorId !== null && actor === null) throw new Refused('not_a_member');
  const [group] = await query<{ direct: boolean }>(
    transaction,
    'SELECT direct_low IS NOT NULL AS direct FROM plantao.groups WHERE id = $groupId AND deleted_at IS NULL',
    { groupId },
  );
  if (!group) throw new Refused('group_not_found');
  if (group.direct)
    throw new Refused('direct_chat', {
      sentence: 'a direct chat has no owners or admins: only groups can be administered',
    });
  if (actor !== null) requireOneOf(allowed, actor);
  return actor;
}

/**
 * Checks the same for a read, without a lock. With AUTH=open it checks only that the group exists; the role of an authenticated
 * actor proves that.
 * @throws {Refused} not_a_member, forbidden, group_not_found.
 */
export async function requireRoleToRead(
  groupId: number,
  actorId: number | null,
  allowed: readonly MemberRole[],
  on: Sequelize | Transaction,
): Promise<void> {
  if (actorId !== null) {
    const role = await memberRoleOf(groupId, actorId, on);
    if (role === null) throw new Refused('not_a_member');
    return requireOneOf(allowed, role);
  }
  const found = await query(on, 'SELECT id FROM plantao.groups WHERE id = $groupId AND deleted_at IS NULL', {
    groupId,
  });
  if (found.length === 0) throw new Refused('group_not_found');
}

/** Checks that a role is among the allowed ones. @throws {Refused} forbidden, with the roles that may do it. */
function requireOneOf(allowed: readonly MemberRole[], role: MemberRole): void {
  if (allowed.includes(role)) return;
  const who = allowed.includes('admin') ? 'owners and admins' : 'owners';
  throw new Refused('forbidden', { sentence: `only ${who} of the group may do this` });
}
