import { col, fn, Op, QueryTypes, type Sequelize, type Transaction, where } from 'sequelize';
import { User } from '../database/models.ts';
import { Refused } from './errors.ts';

/** A user as others see them. */
export interface UserView {
  id: number;
  username: string;
}

/** Accounts: found by the key of their name, so that two ways to write a name are one (plantao.name_key). */
export class Users {
  /** The account of that name, or null. */
  async find(username: string, transaction: Transaction | null = null): Promise<User | null> {
    return User.findOne({ where: where(col('username_key'), fn('plantao.name_key', username)), transaction });
  }

  /** The accounts of many names, in the order given, null where there is none; in one query. */
  async findEach(usernames: readonly string[], transaction: Transaction): Promise<(UserView | null)[]> {
    const rows = await (User.sequelize as Sequelize).query<{ id: number | null; username: string }>(
      `SELECT u.id, u.username
       FROM unnest($usernames::text[]) WITH ORDINALITY AS asked (username, at)
       LEFT JOIN plantao.users u ON u.username_key = plantao.name_key(asked.username) ORDER BY asked.at`,
      { bind: { usernames }, type: QueryTypes.SELECT, transaction },
    );
    return rows.map(({ id, username }) => (id === null ? null : { id, username }));
  }

  /**
   * Users whose name has `part` in it, by name. A part can be anywhere, so no index of PostgreSQL's own helps: the names are
   * read one after another, in a statement that has its deadline.
   */
  async search(part: string, limit: number): Promise<UserView[]> {
    const users = await User.findAll({
      attributes: ['id', 'username'],
      where: { username: { [Op.iLike]: `%${part.replace(/[\\%_]/g, '\\$&')}%` } },
      // In the same order whatever the database's locale.
      order: [[col('username_key'), 'ASC']],
      limit,
    });
    return users.map(({ id, username }) => ({ id, username }));
  }
}

/**
 * As {@link requireUser}, for a change of the user's memberships: it locks the event log, as every change of what the log
 * tells of does first. Until the commit no such change comes in between, and the user and groups that are there now stay.
 */
export async function holdUser(id: number, transaction: Transaction): Promise<void> {
  await (User.sequelize as Sequelize).query('SELECT plantao.lock_log()', { transaction });
  await requireUser(id, transaction);
}

/** @throws {Refused} user_not_found where there is no such account. */
export async function requireUser(id: number, transaction: Transaction | null = null): Promise<User> {
  const user = await User.findByPk(id, { transaction });
  if (!user) throw new Refused('user_not_found');
  return user;
}

/** A new account, or null where the name is taken: of two that come together one makes it and the other finds it. */
export async function createUser(
  username: string,
  passwordHash: string | null,
  transaction: Transaction,
): Promise<User | null> {
  const sequelize = User.sequelize as Sequelize;
  const [rows] = await sequelize.query(
    `INSERT INTO plantao.users (username, password_hash) VALUES ($username, $passwordHash)
     ON CONFLICT (username_key) DO NOTHING RETURNING id`,
    { bind: { username, passwordHash }, transaction },
  );
  const [row] = rows as { id: number }[];
  return row ? User.findByPk(row.id, { transaction }) : null;
}
