import type { Sequelize, Transaction } from 'sequelize';
import { type Group, modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { actAs } from '../act-as.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { lockEventLogForUser, requireUser, type Users, type UserView } from '../users/users.ts';
import type { Actor } from './administration.ts';
import {
  AddingLimit,
  MAX_GROUPS,
  requireBelowCreationLimits,
  requireBelowMembershipLimits,
  usersAtGroupLimit,
} from './group-limits.ts';
import { joinAll, requireMayAdd } from './joining.ts';
import { requireMembers, requireStored } from './require-stored.ts';
import type { MemberRole } from './roles.ts';

/** A group with its members. */
interface GroupWithMembers {
  id: number;
  name: string;
  members: UserView[];
}

/** A group as POST /create-chat returns it. */
export interface CreatedChat extends GroupWithMembers {
  creatorId: number;
  /** Usernames that do not exist. */
  unknown: string[];
  /** Usernames that were left out because they are in the maximum number of groups. */
  atLimit: string[];
}

/** The result of a creation as it is stored for a repeated request: without names, which would outlive a deleted account. */
interface StoredCreation {
  id: number;
  memberIds: number[];
  fullIds: number[];
  /** The indexes of the names, in the request, that do not exist. */
  unknown: number[];
}

/**
 * Creates and reads groups, and adds and removes members by id; named-groups.ts does so by the name of the group. Triggers of the
 * database notify polls and streams when users join and leave.
 */
export class Groups {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #users: Users;
  readonly #adding = new AddingLimit();

  constructor(sequelize: Sequelize, write: Write, users: Users) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#users = users;
  }

  /** Returns the names of a user's newest {@link MAX_GROUPS} groups. @throws {Refused} user_not_found. */
  async namesOfUser(userId: number): Promise<string[]> {
    const rows = await query<{ names: string[] }>(
      this.#sequelize,
      `SELECT ARRAY(SELECT g.name FROM (SELECT group_id FROM plantao.memberships WHERE user_id = me.id
                                        ORDER BY group_id DESC LIMIT $limit) m
                    JOIN plantao.groups g ON g.id = m.group_id ORDER BY g.id) AS names
       FROM plantao.users me WHERE me.id = $userId AND NOT me.is_hook AND me.erased_at IS NULL`,
      { userId, limit: MAX_GROUPS },
    );
    if (!rows[0]) throw new Refused('user_not_found');
    return rows[0].names;
  }

  /** Returns the members of a group with their roles. @throws {Refused} group_not_found. */
  async members(groupId: number): Promise<(UserView & { role: MemberRole })[]> {
    const rows = await query<{ id: number | null; username: string; role: MemberRole }>(
      this.#sequelize,
      `SELECT u.id, u.username, m.role FROM plantao.groups g
       LEFT JOIN plantao.memberships m ON m.group_id = g.id LEFT JOIN plantao.users u ON u.id = m.user_id
       WHERE g.id = $groupId AND g.deleted_at IS NULL ORDER BY u.id`,
      { groupId },
    );
    if (rows.length === 0) throw new Refused('group_not_found');
    return rows.flatMap(({ id, username, role }) => (id === null ? [] : { id, username, role }));
  }

  /** Returns the ids of a group's members, read from the index alone. @throws {Refused} group_not_found. */
  async memberIds(groupId: number): Promise<number[]> {
    const rows = await query<{ user_id: number | null }>(
      this.#sequelize,
      `SELECT m.user_id FROM plantao.groups g LEFT JOIN plantao.memberships m ON m.group_id = g.id
       WHERE g.id = $groupId AND g.deleted_at IS NULL ORDER BY m.user_id`,
      { groupId },
    );
    if (rows.length === 0) throw new Refused('group_not_found');
    return rows.flatMap(({ user_id }) => user_id ?? []);
  }

  /** Returns the ids of all groups of this name; with `memberId`, only those that this user is in. */
  async idsNamed(name: string, memberId: number | null, transaction: Transaction | null = null): Promise<number[]> {
    const { Group, User } = modelsOf(this.#sequelize);
    const groups = await Group.findAll({
      attributes: ['id'],
      where: { name },
      order: [['id', 'ASC']],
      transaction,
      ...(memberId === null
        ? {}
        : { include: [{ model: User, as: 'members', attributes: [], where: { id: memberId }, required: true }] }),
    });
    return groups.map((group) => group.id);
  }

  /** Returns a group. @throws {Refused} group_not_found, also for one that is being deleted. */
  async require(groupId: number, transaction: Transaction | null = null): Promise<Group> {
    const group = await modelsOf(this.#sequelize).Group.findByPk(groupId, { transaction });
    if (!group) throw new Refused('group_not_found');
    return group;
  }

  /** Returns true if the user is a member of the group; false too if either does not exist. */
  async isMember(groupId: number, userId: number): Promise<boolean> {
    return (await modelsOf(this.#sequelize).Membership.count({ where: { groupId, userId } })) > 0;
  }

  /**
   * Creates a group, with the creator and the named users as its members. `adderId` is the user whose hourly limit on adding people
   * applies; null where callers are not authenticated (AUTH=open).
   * @throws {Refused} user_not_found if the creator does not exist, group_full, too_many_groups, key_reused; {RateLimitedError}
   * if too many people are added or too many groups created in an hour; {NotActiveError}.
   */
  async create(
    name: string,
    creatorId: number,
    usernames: readonly string[],
    adderId: number | null,
    key: RequestKey | null = null,
  ): Promise<CreatedChat> {
    const { Group, Membership } = modelsOf(this.#sequelize);
    const create = async (transaction: Transaction): Promise<StoredCreation> => {
      await lockEventLogForUser(creatorId, transaction);
      const found = await this.#users.findEach(usernames, transaction);
      const unknown = found.flatMap((user, at) => (user === null ? at : []));
      const others = found.flatMap((user) => (user === null || user.id === creatorId ? [] : user.id));
      // Left out instead of refused: a user whom strangers added to many groups must not prevent this group.
      const full = await usersAtGroupLimit(others, transaction);
      const memberIds = [...new Set([creatorId, ...others.filter((id) => !full.has(id))])];
      const [group] = await Group.bulkCreate([{ name, creatorId }], { returning: true, transaction });
      const groupId = group?.id ?? 0;
      await requireStored(groupId > 0 ? 1 : 0, 1, 'groups', transaction);
      await actAs(creatorId, transaction);
      await Membership.bulkCreate(
        memberIds.map((userId) => ({ groupId, userId })),
        { transaction },
      );
      await requireMembers([groupId], memberIds, transaction);
      await requireBelowMembershipLimits([groupId], [], transaction);
      await requireBelowCreationLimits(creatorId, transaction);
      return { id: groupId, memberIds, fullIds: others.filter((id) => full.has(id)), unknown };
    };
    const enforceLimit = async () => {
      if (adderId !== null) await this.#adding.count(adderId, usernames.length);
    };
    const { id, memberIds, fullIds, unknown } = await idempotentWrite(
      this.#sequelize,
      this.#write,
      key,
      create,
      enforceLimit,
    );
    const users = await afterCommit(() => this.#users.viewsOf([...memberIds, ...fullIds]));
    return {
      id,
      name,
      creatorId,
      members: memberIds.flatMap((userId) => users.get(userId) ?? []),
      unknown: usernames.filter((_, at) => unknown.includes(at)),
      atLimit: fullIds.flatMap((userId) => users.get(userId)?.username ?? []),
    };
  }

  /**
   * Adds a member; does nothing if the user is one. The actor's hourly limit on adding people applies. Only an owner or admin can
   * add back a user who has left or was removed.
   * @throws {Refused} not_a_member if the adder is not one, user_not_found, group_not_found, has_left, group_full, too_many_groups,
   * key_reused; {RateLimitedError} if the adder adds too many people in an hour; {NotActiveError}.
   */
  async join(
    groupId: number,
    userId: number,
    { actorId: adderId, namedId }: Actor,
    key: RequestKey | null = null,
  ): Promise<void> {
    const isAdded = adderId !== null && adderId !== userId;
    const join = async (transaction: Transaction) => {
      await lockEventLog(transaction);
      if (adderId !== null) await requireMayAdd(groupId, userId, adderId, transaction);
      await requireUser(userId, transaction);
      await this.require(groupId, transaction);
      await actAs(namedId, transaction);
      await joinAll([groupId], userId, transaction);
    };
    await idempotentWrite(this.#sequelize, this.#write, key, join, async () => {
      if (isAdded) await this.#adding.count(adderId, 1);
    });
  }

  /**
   * Removes a member; does nothing if the user is not one. The event names `namedId` as its actor, unless it is null. With `hidesGroup`,
   * the result does not reveal whether the group exists.
   * @throws {Refused} user_not_found, group_not_found; {NotActiveError}.
   */
  async leave(
    groupId: number,
    userId: number,
    { hidesGroup, namedId }: { hidesGroup: boolean; namedId: number | null },
  ): Promise<void> {
    await this.#write(async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      if (!hidesGroup) await this.require(groupId, transaction);
      await actAs(namedId, transaction);
      await modelsOf(transaction).Membership.destroy({ where: { groupId, userId }, transaction });
    });
  }
}
