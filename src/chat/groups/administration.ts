import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';
import { Refused } from '../errors.ts';
import { lockUser } from '../users.ts';

/** The roles of members, the most powerful first. */
export const ROLES = ['owner', 'admin', 'member'] as const;
/** A member's role in a group. */
export type MemberRole = (typeof ROLES)[number];

/** A group as its administrators see it. */
export interface GroupState {
  name: string;
  description: string;
  archived: boolean;
  /** True if members see how far each of them has read. */
  shows_reads: boolean;
}

/** The new values of a group's fields; undefined ones stay. */
export type GroupChange = { [Field in keyof GroupState]?: GroupState[Field] | undefined };

/** Messages that one step of a deletion removes: some tens of milliseconds, in which no other write commits. */
const MAX_REMOVED = 1000;

/**
 * Changes groups and the roles of their members. The actor's permission is checked inside the transaction: while the event log is
 * locked, no role can change between the check and the change. `actorId` is null where callers are not authenticated (AUTH=open).
 * Every method that writes throws {NotActiveError} on a node that is not active.
 */
export class GroupAdministration {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /** Returns a user's role in a group; null if the user is not a member. */
  async roleOf(groupId: number, userId: number, transaction: Transaction | null = null): Promise<MemberRole | null> {
    const [row] = await this.#sequelize.query<{ role: MemberRole }>(
      'SELECT role FROM plantao.memberships WHERE group_id = $groupId AND user_id = $userId',
      { bind: { groupId, userId }, type: QueryTypes.SELECT, transaction },
    );
    return row?.role ?? null;
  }

  /**
   * Renames, describes, archives or restores a group.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner or admin, direct_chat.
   */
  async change(groupId: number, actorId: number | null, change: GroupChange): Promise<GroupState> {
    return this.#write(async (transaction) => {
      await this.#lockAndCheck(groupId, actorId, ['owner', 'admin'], transaction);
      const [row] = await this.#sequelize.query<GroupState>(
        `UPDATE plantao.groups SET name = coalesce($name, name), description = coalesce($description, description),
           shows_reads = coalesce($showsReads::boolean, shows_reads),
           archived_at = CASE WHEN $archived::boolean IS NULL THEN archived_at
                              WHEN $archived THEN coalesce(archived_at, clock_timestamp()) END
         WHERE id = $groupId RETURNING name, description, archived_at IS NOT NULL AS archived, shows_reads`,
        {
          bind: {
            groupId,
            name: change.name ?? null,
            description: change.description ?? null,
            archived: change.archived ?? null,
            showsReads: change.shows_reads ?? null,
          },
          type: QueryTypes.SELECT,
          transaction,
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
  async setRole(groupId: number, actorId: number | null, userId: number, role: MemberRole): Promise<void> {
    await this.#write(async (transaction) => {
      await this.#lockAndCheck(groupId, actorId, ['owner'], transaction);
      const former = await this.roleOf(groupId, userId, transaction);
      if (former === null) throw new Refused('not_a_member', { sentence: 'this user is not in the group' });
      if (former === 'owner' && role !== 'owner') await this.#requireAnotherOwner(groupId, userId, transaction);
      if (former === role) return;
      await this.#sequelize.query(
        'UPDATE plantao.memberships SET role = $role WHERE group_id = $groupId AND user_id = $userId',
        { bind: { groupId, userId, role }, transaction },
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
      await lockUser(userId, transaction);
      const actor = await this.#lockAndCheck(groupId, actorId, ['owner', 'admin'], transaction);
      const role = await this.roleOf(groupId, userId, transaction);
      if (role === null) return;
      if (actor !== 'owner' && role !== 'member') throw new Refused('forbidden');
      await this.#sequelize.query("SELECT set_config('plantao.removes_member', 'on', true)", { transaction });
      await this.#sequelize.query('DELETE FROM plantao.memberships WHERE group_id = $groupId AND user_id = $userId', {
        bind: { groupId, userId },
        transaction,
      });
    });
  }

  /**
   * Deletes a group with its messages, in steps, so that other writes do not wait for long. The first step notifies the members.
   * If a later one fails, the group stays archived and the call can be repeated.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner, direct_chat.
   */
  async delete(groupId: number, actorId: number | null): Promise<void> {
    let removed = MAX_REMOVED;
    for (let step = 0; removed === MAX_REMOVED; step++) {
      removed = await this.#write(async (transaction) => {
        if (step === 0) await this.#lockAndCheck(groupId, actorId, ['owner'], transaction);
        const [row] = await this.#sequelize.query<{ removed: number }>(
          'SELECT plantao.delete_group($groupId, $limit) AS removed',
          { bind: { groupId, limit: MAX_REMOVED }, type: QueryTypes.SELECT, transaction },
        );
        return row?.removed ?? 0;
      });
    }
  }

  /** Checks that the actor is an owner or admin, inside a transaction. @throws {Refused} as {@link change}. */
  async requireOwnerOrAdmin(groupId: number, actorId: number | null, transaction: Transaction): Promise<void> {
    await this.#lockAndCheck(groupId, actorId, ['owner', 'admin'], transaction);
  }

  /** Locks the event log, so that group and roles stay as they are, and checks the actor's role. Returns it; null with AUTH=open. */
  async #lockAndCheck(
    groupId: number,
    actorId: number | null,
    allowed: readonly MemberRole[],
    transaction: Transaction,
  ): Promise<MemberRole | null> {
    await this.#sequelize.query('SELECT plantao.lock_log()', { transaction });
    const actor = actorId === null ? null : await this.roleOf(groupId, actorId, transaction);
    // Before group_not_found, so that non-members do not learn which groups exist.
    if (actorId !== null && actor === null) throw new Refused('not_a_member');
    const [group] = await this.#sequelize.query<{ direct: boolean }>(
      'SELECT direct_low IS NOT NULL AS direct FROM plantao.groups WHERE id = $groupId',
      { bind: { groupId }, type: QueryTypes.SELECT, transaction },
    );
    if (!group) throw new Refused('group_not_found');
    if (group.direct)
      throw new Refused('direct_chat', {
        sentence: 'a direct chat has no owners or admins: only groups can be administered',
      });
    if (actor !== null && !allowed.includes(actor)) throw new Refused('forbidden');
    return actor;
  }

  async #requireAnotherOwner(groupId: number, userId: number, transaction: Transaction): Promise<void> {
    const [another] = await this.#sequelize.query(
      "SELECT user_id FROM plantao.memberships WHERE group_id = $groupId AND role = 'owner' AND user_id <> $userId LIMIT 1",
      { bind: { groupId, userId }, type: QueryTypes.SELECT, transaction },
    );
    if (!another) throw new Refused('last_owner');
  }
}
