import { RateLimiterMemory } from 'rate-limiter-flexible';
import { QueryTypes, type Sequelize } from 'sequelize';
import { messageOf } from '../../database/errors.ts';
import type { Log } from '../../log.ts';

/** One count: at most so many of `key` in a window. */
export interface Count {
  readonly key: string;
  readonly most: number;
}

/** The count that is full, and for how long. */
export interface Full {
  readonly at: number;
  readonly waitMs: number;
}

/** After a failure of the table it is left alone for so long: each try may have waited for a lock. */
const LEAVE_ALONE_MS = 5000;

/**
 * Counts attempts in windows of one length, in PostgreSQL by its clock (migrations/0005_sign_in.sql): a failover forgives
 * nothing, and no node's clock matters. Where the table cannot be used (locked, damaged, not granted) this node counts in its
 * memory meanwhile. To refuse everybody would let whoever can take one row lock stop all sign-ins; to count nothing would
 * let them guess without limit. One node writes, so its memory sees every attempt.
 */
export class AttemptCounts {
  readonly #sequelize: Sequelize;
  readonly #log: Log;
  readonly #windowS: number;
  readonly #memory: RateLimiterMemory;
  #usableFrom = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(sequelize: Sequelize, log: Log, windowS: number) {
    this.#sequelize = sequelize;
    this.#log = log;
    this.#windowS = windowS;
    this.#memory = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: windowS, keyPrefix: '' });
  }

  /** Counts one attempt under every key, or under none where one of them is full, and returns that one. */
  async add(counts: readonly Count[]): Promise<Full | null> {
    const found = await this.query<{ full_at: number; wait_ms: number }>(
      'SELECT full_at, wait_ms FROM plantao.count_attempt($keys, $most, make_interval(secs => $window))',
      { keys: counts.map(({ key }) => key), most: counts.map(({ most }) => most), window: this.#windowS },
    );
    if (found === null) return this.#addInMemory(counts);
    const [full] = found;
    return full ? { at: full.full_at - 1, waitMs: Number(full.wait_ms) } : null;
  }

  /** Gives one attempt under each key back, and forgets all of `forgotten`. */
  async giveBack(keys: readonly string[], forgotten: readonly string[]): Promise<void> {
    await this.query('SELECT plantao.give_back_attempt($keys, $forgotten)', { keys, forgotten });
    for (const key of keys) if (await this.#memory.get(key)) await this.#memory.reward(key);
    for (const key of forgotten) await this.#memory.delete(key);
  }

  /** Asks the database; null where it cannot be asked now. Never throws. */
  async query<Row extends object>(text: string, bind: Record<string, unknown>): Promise<Row[] | null> {
    if (performance.now() < this.#usableFrom) return null;
    try {
      const rows = await this.#sequelize.query<Row>(text, { bind, type: QueryTypes.SELECT });
      if (this.#isFailing) this.#log.info('sign-in attempts are counted in the database again');
      this.#isFailing = false;
      return rows;
    } catch (error) {
      this.#usableFrom = performance.now() + LEAVE_ALONE_MS;
      if (!this.#isFailing) {
        const event = { event: 'sign_in_counts_failed' };
        this.#log.warn(event, `sign-in attempts are counted in this node's memory for now: ${messageOf(error)}`);
      }
      this.#isFailing = true;
      return null;
    }
  }

  async #addInMemory(counts: readonly Count[]): Promise<Full | null> {
    for (const [at, { key, most }] of counts.entries()) {
      const counted = await this.#memory.get(key);
      if (counted && counted.consumedPoints >= most) return { at, waitMs: counted.msBeforeNext };
    }
    for (const { key } of counts) await this.#memory.penalty(key);
    return null;
  }
}
