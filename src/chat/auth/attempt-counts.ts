import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import { errorMessage } from '../../error-message.ts';
import type { Log } from '../../log/log.ts';

/** A limit: at most `max` attempts under `key` in a window. */
export interface AttemptLimit {
  readonly key: string;
  readonly max: number;
}

/** A limit that was reached: its index in the list, and the time until its window ends. */
export interface ReachedLimit {
  readonly at: number;
  readonly waitMs: number;
}

/** After a failed query the table is not used for this long: the next attempt might wait for the same lock again. */
const COOLDOWN_MS = 5000;

/**
 * Counts attempts in windows of equal length. PostgreSQL counts them by its own clock (migrations/0009_sign_in.sql), so that a
 * failover resets no count and the clocks of nodes do not matter. While the table cannot be used (locked, damaged, not granted),
 * this node counts in memory. Rejecting all sign-ins would let anyone who can lock one row stop them all; counting nothing
 * would allow unlimited guesses. Only one node writes, so its memory sees every attempt.
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

  /** Counts one attempt under every key. If a limit is reached, counts nothing and returns that limit. */
  async add(limits: readonly AttemptLimit[]): Promise<ReachedLimit | null> {
    const found = await this.query<{ full_at: number; wait_ms: number }>(
      'SELECT full_at, wait_ms FROM plantao.count_attempt($keys, $max, make_interval(secs => $window))',
      { keys: limits.map(({ key }) => key), max: limits.map(({ max }) => max), window: this.#windowS },
    );
    if (found === null) return this.#addInMemory(limits);
    const [reached] = found;
    return reached ? { at: reached.full_at - 1, waitMs: Number(reached.wait_ms) } : null;
  }

  /** Takes back one attempt under each of `keys`, and resets the counts of `forgotten`. */
  async giveBack(keys: readonly string[], forgotten: readonly string[]): Promise<void> {
    await this.query('SELECT plantao.give_back_attempt($keys, $forgotten)', { keys, forgotten });
    for (const key of keys) if (await this.#memory.get(key)) await this.#memory.reward(key);
    for (const key of forgotten) await this.#memory.delete(key);
  }

  /** Runs a query; returns null if it cannot be run now. Never throws. */
  async query<Row extends object>(text: string, bind: Record<string, unknown>): Promise<Row[] | null> {
    if (performance.now() < this.#usableFrom) return null;
    try {
      const rows = await query<Row>(this.#sequelize, text, bind);
      if (this.#isFailing) this.#log.info('sign-in attempts are counted in the database again');
      this.#isFailing = false;
      return rows;
    } catch (error) {
      this.#usableFrom = performance.now() + COOLDOWN_MS;
      if (!this.#isFailing) {
        const event = { event: 'sign_in_counts_failed' };
        this.#log.warn(event, `sign-in attempts are counted in this node's memory for now: ${errorMessage(error)}`);
      }
      this.#isFailing = true;
      return null;
    }
  }

  async #addInMemory(limits: readonly AttemptLimit[]): Promise<ReachedLimit | null> {
    for (const [at, { key, max }] of limits.entries()) {
      const counted = await this.#memory.get(key);
      if (counted && counted.consumedPoints >= max) return { at, waitMs: counted.msBeforeNext };
    }
    for (const { key } of limits) await this.#memory.penalty(key);
    return null;
  }
}
