import type { Sequelize } from 'sequelize';
import { isRefusedByDatabase, SqlState, sqlState } from '../../database/errors.ts';
import { query } from '../../database/query.ts';
import type { Log } from '../../log.ts';

/** Found in the catalogue of locks, since the error of a wait names no table. */
const IS_LOCKED = `SELECT FROM pg_locks
  WHERE locktype = 'relation' AND granted AND mode = 'AccessExclusiveLock'
    AND relation IN (to_regclass('plantao.reactions'), to_regclass('plantao.reaction_counts'))
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  LIMIT 1`;

/**
 * Reads with reactions, or without them while another transaction has locked their tables (VACUUM FULL, ALTER TABLE), or PostgreSQL
 * refuses to read them (damaged, a privilege was revoked): messages do not depend on what decorates them.
 */
export class ReactionLocks {
  readonly #sequelize: Sequelize;
  /** True after a read has waited in vain, until the lock is released: further reads do not wait. */
  #wereLocked = false;
  readonly #log: Log;
  #isRefusalLogged = false;

  constructor(sequelize: Sequelize, log: Log) {
    this.#sequelize = sequelize;
    this.#log = log;
  }

  /** Calls `read` with true, or with false while reactions cannot be read. */
  async read<Result>(
    read: (withReactions: boolean) => Promise<Result>,
  ): Promise<{ result: Result; isComplete: boolean }> {
    if (this.#wereLocked) this.#wereLocked = await this.#areLocked();
    if (!this.#wereLocked) {
      try {
        const result = await read(true);
        this.#isRefusalLogged = false;
        return { result, isComplete: true };
      } catch (error) {
        return { result: await this.#readWithout(error, read), isComplete: false };
      }
    }
    return { result: await read(false), isComplete: false };
  }

  /** Throws `error` unless it may be due to the reactions; throws the second error if the messages cannot be read without them either. */
  async #readWithout<Result>(error: unknown, read: (withReactions: boolean) => Promise<Result>): Promise<Result> {
    if (sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) {
      if (!(await this.#areLocked())) throw error;
      this.#wereLocked = true;
      return read(false);
    }
    if (!isRefusedByDatabase(error)) throw error;
    const result = await read(false);
    if (!this.#isRefusalLogged) {
      this.#log.error(
        { event: 'reactions_unreadable', err: error },
        'messages are shown without reactions, which cannot be read',
      );
    }
    this.#isRefusalLogged = true;
    return result;
  }

  async #areLocked(): Promise<boolean> {
    return (await query(this.#sequelize, IS_LOCKED)).length > 0;
  }
}
