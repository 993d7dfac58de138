import { col, fn, Op, type Sequelize, type Transaction, where } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { User } from '../database/models.ts';
import { Refused } from './errors.ts';

/** A user as others see them. */
export interface UserView {
  id: number;
  username: string;
}

/** Accounts: found by the key of their name, so that two names which look the same are one (plantao.name_key). */
export class Users {
  readonly #write: Write;

  constructor(write: Write) {
    this.#write = write;
  }

  /** The account of that name, or null. */
  async find(username: string, transaction: Transaction | null = null): Promise<User | null> {
    return User.findOne({ where: where(col('username_key'), fn('plantao.name_key', username)), transaction });
  }

  /** The account of that name, made where there is none. */
  async findOrCreate(username: string, passwordHash: string | null): Promise<{ user: User; created: boolean }> {
    const known = await this.find(username);
    if (known) return { user: known, created: false };
    return this.#write(async (transaction) => {
      const user = await create(username, passwordHash, transaction);
      if (user) return { user, created: true };
      const first = await this.find(username, transaction);
      if (!first) throw new Refused('user_not_found');
      return { user: first, created: false };
    });
  }

  /** A new account. @throws {Refused} username_taken. */
  async register(username: string, passwordHash: string): Promise<User> {
    return this.#write(async (transaction) => {
      const user = await create(username, passwordHash, transaction);
      if (!user) throw new Refused('username_taken');
      return user;
    });
  }

  /** Users whose name has `part` in it, by name. */
  async search(part: string, limit: number): Promise<UserView[]> {
    const users = await User.findAll({
      attributes: ['id', 'username'],
      where: { username: { [Op.iLike]: `%${part.replace(/[\\%_]/g, '\\$&')}%` } },
      order: [['username', 'ASC']],
      limit,
    });
    return users.map(({ id, username }) => ({ id, username }));
  }
}

/** @throws {Refused} user_not_found where there is no such account. */
export async function requireUser(id: number, transaction: Transaction | null = null): Promise<User> {
  const user = await User.findByPk(id, { transaction });
  if (!user) throw new Refused('user_not_found');
  return user;
}

/** Null where the name is taken: of two that come together one makes the account and the other finds it. */
async function create(username: string, passwordHash: string | null, transaction: Transaction): Promise<User | null> {
  const sequelize = User.sequelize as Sequelize;
  const [rows] = await sequelize.query(
    `INSERT INTO plantao.users (username, password_hash) VALUES ($username, $passwordHash)
     ON CONFLICT (username_key) DO NOTHING RETURNING id`,
    { bind: { username, passwordHash }, transaction },
  );
  const [row] = rows as { id: number }[];
  return row ? User.findByPk(row.id, { transaction }) : null;
}
