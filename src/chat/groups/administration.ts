import type { Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { actAs } from '../act-as.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';
import { lockEventLogForUser } from '../users/users.ts';
import type { GroupRemoval } from './group-removal.ts';
import { type MemberRole, memberRoleOf, OWNERS_AND_ADMINS, requireRole } from './roles.ts';

/** A group as its administrators see it. */
export interface GroupState {
  name: string;
  description: string;
  archived: boolean;
  /** True if members see how far each of them has read. */
  shows_reads: boolean;
}

/** The new values of a group's fields; an undefined field does not change. */
export type GroupChange = { [Field in keyof GroupState]?: GroupState[Field] | undefined };

/** The user who changes a group. */
export interface Actor {
  /** The authenticated user, whose role decides; null where callers are not authenticated (AUTH=open). */
  actorId: number | null;
  /** The user whom the events name: with AUTH=open the one that the request names, if any. */
  namedId: number | null;
}

/**
 * Changes groups and the roles of their members. The actor's permission is checked inside the transaction: while the event log is
 * locked, no role can change between the check and the change. Every method throws {NotActiveError} on a node that is not active.
 */
export class GroupAdministration {
  readonly #write: Write;
  readonly #removal: Pick<GroupRemoval, 'remove'>;

  constructor(write: Write, removal: Pick<GroupRemoval, 'remove'>) {
    this.#write = write;
    this.#removal = removal;
  }

  /**
   * Renames a group, changes its description or settings, archives or restores it.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner or admin, direct_chat.
   */
  async change(groupId: number, by: Actor, change: GroupChange): Promise<GroupState> {
    return this.#write(async (transaction) => {
      await requireRole(groupId, by.actorId, OWNERS_AND_ADMINS, transaction);
      await actAs(by.namedId, transaction);
      const [row] = await query<GroupState>(
        transaction,
        `UPDATE plantao.groups SET name = coalesce($name, name), description = coalesce($description, description),
           shows_reads = coalesce($showsReads::boolean, shows_reads),
           archived_at = CASE WHEN $archived::boolean IS NULL THEN archived_at
                              WHEN $archived THEN coalesce(archived_at, clock_timestamp()) END
         WHERE id = $groupId RETURNING name, description, archived_at IS NOT NULL AS archived, shows_reads`,
        {
          groupId,
          name: change.name ?? null,
          description: change.description ?? null,
          archived: change.archived ?? null,
          showsReads: change.shows_reads ?? null,
        },
      );
      if (!row) throw new Refused('group_not_found');
      return row;
    });
  }

  /**
   * Gives a member another role. The last owner cannot step down.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner, last_owner, direct_chat.
   */
  async setRole(groupId: number, by: Actor, userId: number, role: MemberRole): Promise<void> {
    await this.#write(async (transaction) => {
      await requireRole(groupId, by.actorId, ['owner'], transaction);
      await actAs(by.namedId, transaction);
      const former = await memberRoleOf(groupId, userId, transaction);
      if (former === null) throw new Refused('not_a_member', { sentence: 'this user is not in the group' });
      if (former === 'owner' && role !== 'owner') await this.#requireAnotherOwner(groupId, userId, transaction);
      if (former === role) return;
      await query(
        transaction,
        'UPDATE plantao.memberships SET role = $role WHERE group_id = $groupId AND user_id = $userId',
        { groupId, userId, role },
      );
    });
  }

  /**
   * Removes a member, whom only an owner or admin can add again; does nothing if the user is not a member. Admins can remove
   * plain members, owners every member.
   * @throws {Refused} user_not_found, group_not_found, not_a_member if the actor is not one, forbidden, direct_chat.
   */
  async removeMember(groupId: number, actorId: number, userId: number): Promise<void> {
    await this.#write(async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      const actor = await requireRole(groupId, actorId, OWNERS_AND_ADMINS, transaction);
      const role = await memberRoleOf(groupId, userId, transaction);
      if (role === null) return;
      if (actor !== 'owner' && role !== 'member') {
        throw new Refused('forbidden', { sentence: 'only owners of the group may remove its owners and admins' });
      }
      await actAs(actorId, transaction);
      await query(transaction, "SELECT set_config('plantao.removes_member', pg_current_xact_id()::text, true)");
      await query(transaction, 'DELETE FROM plantao.memberships WHERE group_id = $groupId AND user_id = $userId', {
        groupId,
        userId,
      });
    });
  }

  /**
   * Deletes a group. After the first step it is gone for all users; further steps remove its messages. If one of these
   * fails, the active node continues the deletion later. Until then, a former member may repeat the call.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner, direct_chat.
   */
  async delete(groupId: number, { actorId, namedId }: Actor): Promise<void> {
    await this.#removal.remove(groupId, async (transaction) => {
      await lockEventLog(transaction);
      if (await this.#isBeingDeleted(groupId, actorId, transaction)) return;
      await requireRole(groupId, actorId, ['owner'], transaction);
      await actAs(namedId, transaction);
    });
  }

  /** Returns true if a group in which the actor was is being deleted. */
  async #isBeingDeleted(groupId: number, actorId: number | null, transaction: Transaction): Promise<boolean> {
    const found = await query(
      transaction,
      `SELECT g.id FROM plantao.groups g WHERE g.id = $groupId AND g.deleted_at IS NOT NULL
         AND ($actorId::bigint IS NULL OR EXISTS (
           SELECT FROM plantao.events e WHERE e.group_id = g.id AND e.user_id = $actorId AND e.kind = 'left'))`,
      { groupId, actorId },
    );
    return found.length > 0;
  }

  async #requireAnotherOwner(groupId: number, userId: number, transaction: Transaction): Promise<void> {
    const [another] = await query(
      transaction,
      "SELECT user_id FROM plantao.memberships WHERE group_id = $groupId AND role = 'owner' AND user_id <> $userId LIMIT 1",
      { groupId, userId },
    );
    if (!another) throw new Refused('last_owner');
  }
}
