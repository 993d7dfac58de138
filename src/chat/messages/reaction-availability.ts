import type { Sequelize } from 'sequelize';
import { isRefusedByDatabase, SqlState, sqlState } from '../../database/errors.ts';
import { query } from '../../database/query.ts';
import type { Log } from '../../log/log.ts';

/**
 * Searches pg_locks, because the error of a lock timeout names no table. A lock that its session still waits for counts too, because
 * reads queue behind it. So does a lock on an index (REINDEX), because PostgreSQL opens the index to plan a read.
 */
const IS_LOCKED = `WITH tables AS (VALUES (to_regclass('plantao.reactions')), (to_regclass('plantao.reaction_counts')))
  SELECT FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
    AND relation IN (TABLE tables UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid IN (TABLE tables))
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  LIMIT 1`;

/** The error is logged at most once in this time: if the data is partly damaged, some reads succeed and others fail. */
const LOG_EVERY_MS = 60_000;

/**
 * Reads with reactions, or without them while another transaction has locked their tables (VACUUM FULL, ALTER TABLE), or PostgreSQL
 * refuses to read them (damaged, a privilege was revoked): messages must not depend on their reactions.
 */
export class ReactionAvailability {
  readonly #sequelize: Sequelize;
  /** True from a read's lock timeout until the lock is released: further reads do not wait. */
  #wereLocked = false;
  readonly #log: Log;
  #refusalLoggedAt = Number.NEGATIVE_INFINITY;

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
        return { result: await read(true), isComplete: true };
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
    const now = performance.now();
    if (now - this.#refusalLoggedAt > LOG_EVERY_MS) {
      this.#refusalLoggedAt = now;
      this.#log.error(
        { event: 'reactions_unreadable', err: error },
        'messages are shown without reactions, which cannot be read',
      );
    }
    return result;
  }

  async #areLocked(): Promise<boolean> {
    return (await query(this.#sequelize, IS_LOCKED)).length > 0;
  }
}
