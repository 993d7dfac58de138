import type { Sequelize } from 'sequelize';
import { BackgroundLoop } from '../async/background-loop.ts';
import { jittered } from '../async/backoff.ts';
import { constraintOf, isUnavailable, SqlState, sqlState, tableOf } from '../database/errors.ts';
import { query } from '../database/query.ts';
import { errorMessage } from '../error-message.ts';
import type { Log } from '../log/log.ts';

/** Options of {@link Retention}. */
export interface RetentionOptions {
  sequelize: Sequelize;
  log: Log;
  /** Returns the fencing token of this node's term, or null: only the active node removes. The database checks it at each step. */
  fencingToken: () => number | null;
  /** Called when PostgreSQL refused a step because the term of `token` is closed. */
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
/** Number of rows removed in a step: a few milliseconds of work, because a promotion waits for a step that holds the write fence. */
const STEP = 1000;
/** Number of events counted in a step. It takes as long as a removal of {@link STEP} rows, because counting only reads them. */
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
  /** The work that the database has refused in the last sweep, with the reason, which is logged once. */
  readonly #refused = new Map<string, string>();

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#loop = new BackgroundLoop({
      delayMs: () => jittered(INTERVAL_MS),
      round: () => this.sweep(),
      onError: (error) =>
        options.log.debug({ err: error }, 'old rows could not be removed: the next sweep tries again'),
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
    await this.#tryTo(
      'count the bytes of payloads',
      `SELECT plantao.count_payload_bytes($term, ${COUNT_STEP}) AS done`,
      {},
      COUNT_STEP,
    );
    const events = await this.#tryTo(
      'remove old events',
      `SELECT plantao.remove_old_events($term, make_interval(hours => $hours), $maxEvents, $bytes, ${STEP}) AS done`,
      { hours: eventHours, maxEvents: eventCount, bytes: eventBytes },
    );
    const keys = await this.#tryTo(
      'remove old idempotency keys',
      `SELECT plantao.remove_old_keys($term, make_interval(hours => $hours), ${STEP}) AS done`,
      { hours: keyHours },
    );
    await this.#tryTo('finish deleting accounts', `SELECT plantao.continue_erasures($term, ${STEP}) AS done`);
    await this.#tryTo('finish deleting messages', `SELECT plantao.forget_removed_messages($term, ${STEP}) AS done`);
    await this.#tryTo('remove old rows of nodes', `SELECT plantao.remove_silent_nodes($term, ${STEP}) AS done`);
    if (events + keys > 0) log.debug({ event: 'swept', events, keys }, 'old events and idempotency keys were removed');
    return { events, keys };
  }

  /** Does the same as {@link #inSteps}. Work that the database refuses, for example by a foreign key of a DBA's table, does not stop the other work. */
  async #tryTo(what: string, sql: string, values: Record<string, number> = {}, step = STEP): Promise<number> {
    const { log, fencingToken } = this.#options;
    try {
      const done = await this.#inSteps(sql, values, step);
      if (fencingToken() !== null && this.#refused.delete(what)) log.info(`PostgreSQL lets this node ${what} again`);
      return done;
    } catch (error) {
      if (isExpected(error)) throw error;
      const reason = `PostgreSQL does not let this node ${what}: ${errorMessage(error)}${remedyFor(error)}`;
      const isKnown = this.#refused.get(what) === reason;
      this.#refused.set(what, reason);
      log[isKnown ? 'debug' : 'error']({ event: 'retention_refused', err: error }, reason);
      return 0;
    }
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
}

/** Returns the remedy for a foreign key of a DBA's table that keeps rows from being removed; empty for other errors. */
function remedyFor(error: unknown): string {
  const [table, constraint] = [tableOf(error), constraintOf(error)];
  if (sqlState(error) !== SqlState.FOREIGN_KEY_VIOLATION || table === null || constraint === null) return '';
  return `. Drop the constraint ${constraint} of the table ${table}, or give it ON DELETE CASCADE`;
}

/** A closed term or an unavailable database is not an error: the next sweep, here or on the next active node, continues. */
const isExpected = (error: unknown) => sqlState(error) === SqlState.TERM_CLOSED || isUnavailable(error);
