import type { Sequelize } from 'sequelize';
import { BackgroundLoop } from '../async/background-loop.ts';
import { jittered } from '../async/backoff.ts';
import { isUnavailable, SqlState, sqlState } from '../database/errors.ts';
import { query } from '../database/query.ts';
import type { Log } from '../log/log.ts';

/** Options of {@link Retention}. */
export interface RetentionOptions {
  sequelize: Sequelize;
  log: Log;
  /** Returns the fencing token of this node's term, or null: only the active node removes. The database checks it at each step. */
  fencingToken: () => number | null;
  /** Called when PostgreSQL refused a step under `token` as of a closed term. */
  onTermRefused?(token: number): void;
  eventHours: number;
  eventCount: number;
  /** Total size of the events' payloads. */
  eventBytes: number;
  keyHours: number;
}

/** The numbers of rows that a sweep has removed. */
export interface SweepResult {
  events: number;
  keys: number;
}

const INTERVAL_MS = 60_000;
/** Rows removed in a step: a few milliseconds of work, because a promotion waits for a step that holds the write fence. */
const STEP = 1000;
/** Events counted in a step, in as many milliseconds: they are read and not written. */
const COUNT_STEP = 10_000;
/** Pause between two steps, so that posts do not wait for the disk: at most 20,000 rows are removed in a second. */
const PAUSE_MS = 50;

/**
 * Removes old events, idempotency keys and rows of nodes in small steps while this node is active (migrations/0010_retention.sql),
 * and what unfinished deletions of accounts and messages have left.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #loop: BackgroundLoop;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#loop = new BackgroundLoop({
      delayMs: () => jittered(INTERVAL_MS),
      round: () => this.sweep(),
      onError: (error) => this.#report(error),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when no step is in progress. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Removes all events, keys and rows of nodes beyond the limits, and continues deletions of accounts and messages; does nothing if this
   * node is not active. Logs what the database refuses.
   * @throws the database's error if it is unavailable or the term is closed.
   */
  async sweep(): Promise<SweepResult> {
    const { eventHours, eventCount, eventBytes, keyHours, log } = this.#options;
    /** What the database refuses, as by a foreign key of a DBA's table, does not stop the other work. */
    const inSteps = (sql: string, values: Record<string, number>, step: number) =>
      this.#inSteps(sql, values, step).catch((error) => {
        if (isExpected(error)) throw error;
        this.#report(error);
        return 0;
      });
    await inSteps(`SELECT plantao.count_payload_bytes($term, ${COUNT_STEP}) AS done`, {}, COUNT_STEP);
    const events = await inSteps(
      `SELECT plantao.remove_old_events($term, make_interval(hours => $hours), $maxEvents, $bytes, ${STEP}) AS done`,
      { hours: eventHours, maxEvents: eventCount, bytes: eventBytes },
      STEP,
    );
    const keys = await inSteps(
      `SELECT plantao.remove_old_keys($term, make_interval(hours => $hours), ${STEP}) AS done`,
      { hours: keyHours },
      STEP,
    );
    await inSteps(`SELECT plantao.continue_erasures($term, ${STEP}) AS done`, {}, STEP);
    await inSteps(`SELECT plantao.forget_removed_messages($term, ${STEP}) AS done`, {}, STEP);
    await inSteps(`SELECT plantao.remove_silent_nodes($term, ${STEP}) AS done`, {}, STEP);
    if (events + keys > 0) log.debug({ event: 'swept', events, keys }, 'old events and idempotency keys were removed');
    return { events, keys };
  }

  /** Repeats a statement until it has processed fewer rows than `step`, and returns their total. */
  async #inSteps(sql: string, values: Record<string, number>, step: number): Promise<number> {
    const { sequelize, onTermRefused = () => {} } = this.#options;
    for (let total = 0; ; ) {
      const term = this.#options.fencingToken();
      if (term === null || this.#loop.isStopping) return total;
      const bind = { ...values, term };
      const [row] = await query<{ done: number }>(sequelize, sql, bind).catch((error) => {
        if (sqlState(error) === SqlState.TERM_CLOSED) onTermRefused(term);
        throw error;
      });
      total += row?.done ?? 0;
      if (!row || row.done < step) return total;
      await this.#loop.pause(PAUSE_MS);
    }
  }

  #report(error: unknown): void {
    this.#options.log[isExpected(error) ? 'debug' : 'error'](
      { err: error },
      'old rows could not be removed: the next sweep tries again',
    );
  }
}

/** A closed term or an unavailable database is not an error: the next sweep, here or on the next active node, continues. */
const isExpected = (error: unknown) => sqlState(error) === SqlState.TERM_CLOSED || isUnavailable(error);
