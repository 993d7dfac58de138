import { literal, type Sequelize, type Transaction } from 'sequelize';
import { FairSemaphore } from '../../async/fair-semaphore.ts';
import { modelsOf, type User } from '../../database/models.ts';
import { query, scopeOf } from '../../database/query.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';

/** A user as others see them. */
export interface UserView {
  id: number;
  username: string;
}

/** A search may read an index of all names: few run at once, so that connections are left for other requests, and few wait. */
const SEARCHES = { concurrency: 2, queuedPerSource: 32, queued: 256, maxWaitMs: 3000 };
const TOO_MANY_SEARCHES = 'too many searches are running: try again in a few seconds';

const IN_USE = 'NOT u.is_hook AND u.erased_at IS NULL';

/**
 * Finds the names that begin with the text, in the order of an index: exact names come first, and among these the one with the same
 * accents. If the text consists of accents only, nothing is left to search, and this finds only the name itself.
 */
const BEGINNING = `
  SELECT u.id, u.username FROM plantao.users u
  WHERE u.search_name >= plantao.search_name($part) AND u.search_name < plantao.search_name($part) || chr(1114111) AND ${IN_USE}
    AND (plantao.search_name($part) <> '' OR plantao.name_key($part) IN ('', u.username_key))
  ORDER BY u.search_name, u.username_key <> plantao.name_key($part), u.id LIMIT $limit`;

/** Finds the names that contain the text, but not at the beginning. Reads only an index, in its order, until it has as many as requested. */
const CONTAINING = `
  WITH wanted AS (SELECT plantao.search_name($part) AS name), found AS MATERIALIZED (
    SELECT u.id, u.search_name FROM plantao.users u
    WHERE strpos(u.search_name, (SELECT name FROM wanted)) > 1 AND ${IN_USE}
    ORDER BY u.search_name LIMIT $limit
  )
  SELECT u.id, u.username FROM found f JOIN plantao.users u ON u.id = f.id ORDER BY f.search_name, u.id LIMIT $limit`;

/** Finds accounts by the key of their name, so that two spellings of a name are the same (plantao.name_key). */
export class Users {
  readonly #sequelize: Sequelize;
  readonly #searches = new FairSemaphore(SEARCHES, () => new Refused('overloaded', { sentence: TOO_MANY_SEARCHES }));

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /** Returns the account of that name, or null. */
  async find(username: string, transaction: Transaction | null = null): Promise<User | null> {
    // Bound: Sequelize's fn() doubles every $ in its arguments, so that no name with one would be found.
    const where = literal('username_key = plantao.name_key($username)');
    return modelsOf(this.#sequelize).User.findOne({ where, bind: { username }, transaction });
  }

  /** Returns the accounts of these names in the same order, null for each that does not exist; in one query. */
  async findEach(usernames: readonly string[], transaction: Transaction): Promise<(UserView | null)[]> {
    const rows = await query<{ id: number | null; username: string }>(
      transaction,
      `SELECT u.id, u.username
       FROM unnest($usernames::text[]) WITH ORDINALITY AS asked (username, at)
       LEFT JOIN plantao.users u ON u.username_key = plantao.name_key(asked.username) AND NOT u.is_hook AND u.erased_at IS NULL
       ORDER BY asked.at`,
      { usernames },
    );
    return rows.map(({ id, username }) => (id === null ? null : { id, username }));
  }

  /** Returns users with their current names, by their ids. */
  async viewsOf(ids: readonly number[]): Promise<Map<number, UserView>> {
    const users = await modelsOf(this.#sequelize).User.findAll({
      attributes: ['id', 'username'],
      where: { id: [...ids] },
    });
    return new Map(users.map(({ id, username }) => [id, { id, username }]));
  }

  /**
   * Returns users whose name contains `part`, in any case and with or without accents, for the client `source`: first the one with
   * that name, then those whose names begin with it, then the others, by name. A rare part reads an index of all names; the statements have a
   * timeout.
   * @throws {Refused} overloaded.
   */
  search(part: string, limit: number, source: string): Promise<UserView[]> {
    return this.#searches.run({ source, subject: part }, () => this.#search(part, limit));
  }

  async #search(part: string, limit: number): Promise<UserView[]> {
    const beginning = await query<UserView>(this.#sequelize, BEGINNING, { part, limit });
    if (beginning.length === limit) return beginning;
    const containing = await query<UserView>(this.#sequelize, CONTAINING, { part, limit: limit - beginning.length });
    return [...beginning, ...containing];
  }
}

/**
 * Locks the event log, and then requires the user ({@link requireUser}). Called before a change of the user's memberships: every
 * change that the log records locks it first, so until the commit neither the user nor a group can disappear.
 */
export async function lockEventLogForUser(id: number, transaction: Transaction): Promise<void> {
  await lockEventLog(transaction);
  await requireUser(id, transaction);
}

/** Returns true for an account in use: not one that was deleted, and not the sender of a hook. */
export const isInUse = ({ isHook, erasedAt }: User): boolean => !isHook && erasedAt === null;

/** Returns an account, also one that is not in use; null if there is none. */
export function findUser(id: number, on: Sequelize | Transaction): Promise<User | null> {
  return modelsOf(on).User.findByPk(id, { transaction: scopeOf(on).transaction });
}

/** Returns an account. @throws {Refused} user_not_found, also if it was deleted, and for the sender of a hook. */
export async function requireUser(id: number, on: Sequelize | Transaction): Promise<User> {
  const user = await findUser(id, on);
  if (!user || !isInUse(user)) throw new Refused('user_not_found');
  return user;
}

/** Creates an account; returns null if the name is taken, possibly by a concurrent transaction. */
export async function createUser(
  username: string,
  passwordHash: string | null,
  transaction: Transaction,
): Promise<User | null> {
  const [row] = await query<{ id: number }>(
    transaction,
    `INSERT INTO plantao.users (username, password_hash) VALUES ($username, $passwordHash)
     ON CONFLICT (username_key) DO NOTHING RETURNING id`,
    { username, passwordHash },
  );
  return row ? findUser(row.id, transaction) : null;
}
