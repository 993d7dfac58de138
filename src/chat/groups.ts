import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { Group, Membership, User } from '../database/models.ts';
import { formatCursor } from '../events/cursor.ts';
import { Refused } from './errors.ts';
import {
  AddingLimit,
  MOST_GROUPS,
  MOST_LISTED,
  requireRoom,
  requireRoomToCreate,
  usersWithoutRoom,
} from './group-limits.ts';
import { keyedWrite, type RequestKey } from './keyed-write.ts';
import { holdUser, requireUser, type Users, type UserView } from './users.ts';

/** A group with its members. */
interface Chat {
  id: number;
  name: string;
  members: UserView[];
}

/** A group as GET /chats lists it; has fewer `members` than `members_count` if there are too many to list. */
export interface ListedChat extends Chat {
  members_count: number;
}

/** A group as POST /create-chat returns it; `unknown` are the usernames that do not exist. */
export interface CreatedChat extends Chat {
  creatorId: number;
  unknown: string[];
  /** Usernames that were left out because they are in the maximum number of groups. */
  full: string[];
}

/** Groups and their members; named-groups.ts joins and leaves groups by name. Triggers of the database notify long polls of joining and leaving. */
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

  /**
   * Returns the newest {@link MOST_GROUPS} groups of a user and up to {@link MOST_LISTED} of their members, those of the
   * smallest groups first. The cursor is the log's head in the same snapshot: events continue there without gap or overlap.
   * @throws {Refused} user_not_found.
   */
  async ofUser(userId: number): Promise<{ chats: ListedChat[]; cursor: string }> {
    const [row] = await this.#sequelize.query<{ chats: ListedChat[] | null; epoch: string; head: number }>(
      `WITH mine AS (
         SELECT g.id, g.name, size.members_count,
                $most - sum(size.members_count) OVER (ORDER BY size.members_count, g.id) + size.members_count AS room
         FROM (SELECT group_id FROM plantao.memberships WHERE user_id = $userId
               ORDER BY group_id DESC LIMIT $mostGroups) own
         JOIN plantao.groups g ON g.id = own.group_id
         CROSS JOIN LATERAL (SELECT count(*) AS members_count FROM plantao.memberships WHERE group_id = g.id) size
       )
       SELECT b.epoch, b.head,
              (SELECT json_agg(json_build_object('id', mine.id, 'name', mine.name, 'members_count', mine.members_count,
                 'members', (SELECT coalesce(json_agg(json_build_object('id', u.id, 'username', u.username) ORDER BY u.id), '[]')
                             FROM (SELECT user_id FROM plantao.memberships WHERE group_id = mine.id
                                   ORDER BY user_id LIMIT greatest(mine.room, 0)) m
                             JOIN plantao.users u ON u.id = m.user_id)) ORDER BY mine.id) FROM mine) AS chats
       FROM plantao.users me CROSS JOIN plantao.log_bounds b WHERE me.id = $userId`,
      { bind: { userId, most: MOST_LISTED, mostGroups: MOST_GROUPS }, type: QueryTypes.SELECT },
    );
    if (!row) throw new Refused('user_not_found');
    return { chats: row.chats ?? [], cursor: formatCursor({ epoch: row.epoch, position: row.head }) };
  }

  /** Returns the names of a user's newest {@link MOST_GROUPS} groups. @throws {Refused} user_not_found. */
  async namesOfUser(userId: number): Promise<string[]> {
    const rows = await this.#sequelize.query<{ names: string[] }>(
      `SELECT ARRAY(SELECT g.name FROM (SELECT group_id FROM plantao.memberships WHERE user_id = me.id
                                        ORDER BY group_id DESC LIMIT $most) m
                    JOIN plantao.groups g ON g.id = m.group_id ORDER BY g.id) AS names
       FROM plantao.users me WHERE me.id = $userId`,
      { bind: { userId, most: MOST_GROUPS }, type: QueryTypes.SELECT },
    );
    if (!rows[0]) throw new Refused('user_not_found');
    return rows[0].names;
  }

  /** Returns the members of a group. @throws {Refused} group_not_found. */
  async members(groupId: number): Promise<UserView[]> {
    const group = await Group.findByPk(groupId, { include: [{ model: User, as: 'members' }] });
    if (!group) throw new Refused('group_not_found');
    return (group.members ?? []).sort((one, other) => one.id - other.id).map(({ id, username }) => ({ id, username }));
  }

  /** Returns the ids of all groups of this name; with `memberId`, only those that this user is in. */
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

  /** Returns a group. @throws {Refused} group_not_found. */
  async require(groupId: number, transaction: Transaction | null = null): Promise<Group> {
    const group = await Group.findByPk(groupId, { transaction });
    if (!group) throw new Refused('group_not_found');
    return group;
  }

  async isMember(groupId: number, userId: number): Promise<boolean> {
    return (await Membership.count({ where: { groupId, userId } })) > 0;
  }

  /**
   * Creates a group of the creator and the named users. `adderId` is the user who adds them; null if unknown.
   * @throws {Refused} user_not_found if the creator does not exist; {TooManyTriesError} if the adder adds too many people.
   */
  async create(
    name: string,
    creatorId: number,
    usernames: readonly string[],
    adderId: number | null,
    key: RequestKey | null = null,
  ): Promise<CreatedChat> {
    if (adderId !== null) await this.#adding.count(adderId, usernames.length);
    return keyedWrite({ sequelize: this.#sequelize, write: this.#write }, key, async (transaction) => {
      const creator = await requireUser(creatorId, transaction);
      const found = await this.#users.findEach(usernames, transaction);
      const unknown = usernames.filter((_, at) => !found[at]);
      const others = found.filter((user) => user !== null && user.id !== creatorId) as UserView[];
      // Left out instead of refused: a user whom strangers added to many groups must not prevent this group.
      const full = await usersWithoutRoom(
        others.map(({ id }) => id),
        transaction,
      );
      const added = others.filter(({ id }) => !full.has(id));
      const members = new Map([creator, ...added].map((user) => [user.id, user]));
      const group = await Group.create({ name, creatorId }, { transaction });
      await Membership.bulkCreate(
        [...members.keys()].map((userId) => ({ groupId: group.id, userId })),
        { transaction },
      );
      await requireRoom([group.id], [], transaction);
      await requireRoomToCreate(creatorId, transaction);
      return {
        id: group.id,
        name: group.name,
        creatorId,
        members: [...members.values()].map(({ id, username }) => ({ id, username })),
        unknown,
        full: others.filter(({ id }) => full.has(id)).map(({ username }) => username),
      };
    });
  }

  /**
   * Adds a member; does nothing if the user is one. `adderId` is the user who adds; null if unknown.
   * @throws {Refused} user_not_found, group_not_found; {TooManyTriesError} if the adder adds too many people.
   */
  async join(groupId: number, userId: number, adderId: number | null): Promise<void> {
    if (adderId !== null && adderId !== userId) await this.#adding.count(adderId, 1);
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      await this.require(groupId, transaction);
      await joinAll([groupId], userId, transaction);
    });
  }

  /** Removes a member; does nothing if the user is none. @throws {Refused} user_not_found, group_not_found. */
  async leave(groupId: number, userId: number): Promise<void> {
    await this.#write(async (transaction) => {
      await holdUser(userId, transaction);
      await this.require(groupId, transaction);
      await Membership.destroy({ where: { groupId, userId }, transaction });
    });
  }
}

/** Adds a user to groups, without those that the user is in. @throws {Refused} group_full, too_many_groups. */
export async function joinAll(groupIds: readonly number[], userId: number, transaction: Transaction): Promise<void> {
  await Membership.bulkCreate(
    groupIds.map((groupId) => ({ groupId, userId })),
    { ignoreDuplicates: true, transaction },
  );
  await requireRoom(groupIds, [userId], transaction);
}
