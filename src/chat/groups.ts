import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { Group, Membership, User } from '../database/models.ts';
import { formatCursor } from '../events/cursor.ts';
import { Refused } from './errors.ts';
import { requireRoom } from './group-limits.ts';
import { holdUser, requireUser, type Users, type UserView } from './users.ts';

/** A group with its members, as GET /chats lists it. */
export interface Chat {
  id: number;
  name: string;
  members: UserView[];
}

/** A group as POST /create-chat answers it; `unknown` are the names that are nobody's. */
export interface CreatedChat extends Chat {
  creatorId: number;
  unknown: string[];
}

/** Groups and who is in them. Joining and leaving are told to the long polls by the database itself. */
export class Groups {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #users: Users;

  constructor(sequelize: Sequelize, write: Write, users: Users) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#users = users;
  }

  /**
   * The groups of a user with their members, and the cursor of the log's head in the same snapshot: from there it goes on
   * without gap or overlap. @throws {Refused} user_not_found.
   */
  async ofUser(userId: number): Promise<{ chats: Chat[]; cursor: string }> {
    const [row] = await this.#sequelize.query<{ chats: Chat[] | null; epoch: string; head: number }>(
      `SELECT b.epoch, b.head,
              (SELECT json_agg(json_build_object('id', g.id, 'name', g.name, 'members',
                 (SELECT json_agg(json_build_object('id', u.id, 'username', u.username) ORDER BY u.id)
                  FROM plantao.memberships m JOIN plantao.users u ON u.id = m.user_id WHERE m.group_id = g.id)) ORDER BY g.id)
               FROM plantao.memberships mine JOIN plantao.groups g ON g.id = mine.group_id WHERE mine.user_id = me.id) AS chats
       FROM plantao.users me CROSS JOIN plantao.log_bounds b WHERE me.id = $userId`,
      { bind: { userId }, type: QueryTypes.SELECT },
    );
    if (!row) throw new Refused('user_not_found');
    return { chats: row.chats ?? [], cursor: formatCursor({ epoch: row.epoch, position: row.head }) };
  }

  /** The names of a user's groups. @throws {Refused} user_not_found. */
  async namesOfUser(userId: number): Promise<string[]> {
    const user = await User.findByPk(userId, { include: [{ model: Group, as: 'groups' }] });
    if (!user) throw new Refused('user_not_found');
    return (user.groups ?? []).sort((one, other) => one.id - other.id).map((group) => group.name);
  }

  /** The members of a group. @throws {Refused} group_not_found. */
  async members(groupId: number): Promise<UserView[]> {
    const group = await Group.findByPk(groupId, { include: [{ model: User, as: 'members' }] });
    if (!group) throw new Refused('group_not_found');
    return (group.members ?? []).sort((one, other) => one.id - other.id).map(({ id, username }) => ({ id, username }));
  }

  /** The ids of every group of this name; with `memberId`, only those that this user is in. */
  async idsNamed(name: string, memberId: number | null, transaction: Transaction | null = null): Promise<number[]> {
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

  /** @throws {Refused} group_not_found. */
  async require(groupId: number, transaction: Transaction | null = null): Promise<Group> {
    const group = await Group.findByPk(groupId, { transaction });
    if (!group) throw new Refused('group_not_found');
    return group;
  }

  async isMember(groupId: number, userId: number): Promise<boolean> {
    return (await Membership.count({ where: { groupId, userId } })) > 0;
  }

  /** A new group of the creator and the named users. @throws {Refused} user_not_found where the creator is nobody. */
  async create(name: string, creatorId: number, usernames: readonly string[]): Promise<CreatedChat> {
    return this.#write(async (transaction) => {
      const creator = await requireUser(creatorId, transaction);
      const found = await this.#users.findEach(usernames, transaction);
      const unknown = usernames.filter((_, at) => !found[at]);
      const members = new Map([creator, ...found.filter((user) => user !== null)].map((user) => [user.id, user]));
      const group = await Group.create({ name, creatorId }, { transaction });
      await Membership.bulkCreate(
        [...members.keys()].map((userId) => ({ groupId: group.id, userId })),
        { transaction },
      );
      await requireRoom([group.id], [...members.keys()], transaction);
      return {
        id: group.id,
        name: group.name,
        creatorId,
        members: [...members.values()].map(({ id, username }) => ({ id, username })),
        unknown,
      };
    });
  }

  /** Makes a user a member; no harm where they are one. @throws {Refused} user_not_found, group_not_found. */
  async join(groupId: number, userId: number): Promise<void> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      await this.require(groupId, transaction);
      await joinAll([groupId], userId, transaction);
    });
  }

  /** Ends a membership; no harm where there is none. @throws {Refused} user_not_found, group_not_found. */
  async leave(groupId: number, userId: number): Promise<void> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      await this.require(groupId, transaction);
      await Membership.destroy({ where: { groupId, userId }, transaction });
    });
  }

  /**
   * As the original: joins the oldest group of that name, made where there is none. Answers the user's group names. With
   * `ownOnly` the groups of others count as none: to know a group's name is not to be invited.
   */
  async joinNamed(userId: number, name: string, ownOnly = false): Promise<string[]> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      const isIn = ownOnly && (await this.idsNamed(name, userId, transaction)).length > 0;
      if (!isIn) await joinAll([await groupNamed(name, userId, ownOnly, transaction)], userId, transaction);
    });
    return this.namesOfUser(userId);
  }

  /** Leaves every group of that name. Answers the user's group names. */
  async leaveNamed(userId: number, name: string): Promise<string[]> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      const named = await Group.findAll({ attributes: ['id'], where: { name }, transaction });
      await Membership.destroy({ where: { userId, groupId: named.map((group) => group.id) }, transaction });
    });
    return this.namesOfUser(userId);
  }

  /** Replaces a user's groups by those of these names, in one transaction; `ownOnly` as above. Answers the user's group names. */
  async replaceNamed(userId: number, names: readonly string[], ownOnly = false): Promise<string[]> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      const mine = await Membership.findAll({ where: { userId }, transaction });
      const kept = new Set<number>();
      for (const name of new Set(names)) {
        const alreadyIn = await Group.findAll({
          where: { name, id: mine.map((membership) => membership.groupId) },
          transaction,
        });
        const ids =
          alreadyIn.length > 0
            ? alreadyIn.map((group) => group.id)
            : [await groupNamed(name, userId, ownOnly, transaction)];
        for (const id of ids) kept.add(id);
      }
      const left = mine.map((membership) => membership.groupId).filter((groupId) => !kept.has(groupId));
      await Membership.destroy({ where: { userId, groupId: left }, transaction });
      await joinAll([...kept], userId, transaction);
    });
    return this.namesOfUser(userId);
  }
}

/** The oldest group of a name that its user is not in; a new one where there is none, or `ownOnly` says so. */
async function groupNamed(
  name: string,
  creatorId: number,
  ownOnly: boolean,
  transaction: Transaction,
): Promise<number> {
  const oldest = ownOnly ? null : await Group.findOne({ where: { name }, order: [['id', 'ASC']], transaction });
  return (oldest ?? (await Group.create({ name, creatorId }, { transaction }))).id;
}

async function joinAll(groupIds: readonly number[], userId: number, transaction: Transaction): Promise<void> {
  await Membership.bulkCreate(
    groupIds.map((groupId) => ({ groupId, userId })),
    { ignoreDuplicates: true, transaction },
  );
  await requireRoom(groupIds, [userId], transaction);
}
