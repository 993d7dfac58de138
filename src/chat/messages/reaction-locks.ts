import type { Sequelize } from 'sequelize';
import { SqlState, sqlState } from '../../database/errors.ts';
import { query } from '../../database/query.ts';

/** Found in the catalogue of locks, since the error of a wait names no table. */
const IS_LOCKED = `SELECT FROM pg_locks
  WHERE locktype = 'relation' AND granted AND mode = 'AccessExclusiveLock'
    AND relation IN ('plantao.reactions'::regclass, 'plantao.reaction_counts'::regclass)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  LIMIT 1`;

/**
 * Reads with reactions, or without them while another transaction has locked their tables (VACUUM FULL, ALTER TABLE): messages do not
 * wait for what decorates them.
 */
export class ReactionLocks {
  readonly #sequelize: Sequelize;
  /** True after a read has waited in vain, until the lock is released: further reads do not wait. */
  #wereLocked = false;

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /** Calls `read` with true, or with false while reactions cannot be read. */
  async read<Result>(
    read: (withReactions: boolean) => Promise<Result>,
  ): Promise<{ result: Result; isComplete: boolean }> {
    if (this.#wereLocked) this.#wereLocked = await this.#areLocked();
    if (!this.#wereLocked) {
      try {
        return { result: await read(true), isComplete: true };
      } catch (error) {
        if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE || !(await this.#areLocked())) throw error;
        this.#wereLocked = true;
      }
    }
    return { result: await read(false), isComplete: false };
  }

  async #areLocked(): Promise<boolean> {
    return (await query(this.#sequelize, IS_LOCKED)).length > 0;
  }
}
