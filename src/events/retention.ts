import { setTimeout as pause } from 'node:timers/promises';
import { QueryTypes, type Sequelize } from 'sequelize';
import { isUnavailable, SqlState, sqlState } from '../database/errors.ts';
import type { Log } from '../log.ts';

/** How long events and keys are kept, and the term under which they are removed. */
export interface RetentionOptions {
  sequelize: Sequelize;
  log: Log;
  /** Returns the term in which this node is active, or null. Only the active node removes; the database checks the term at each step. */
  term: () => number | null;
  eventHours: number;
  eventCount: number;
  keyHours: number;
}

/** The numbers of rows that one sweep removed. */
export interface SweepResult {
  events: number;
  keys: number;
}

const EVERY_MS = 60_000;
/** Rows in a step: a few milliseconds, so that a failover never waits long for one (a step holds the write fence). */
const STEP = 1000;
/** Pause between two steps, so that posts do not queue up behind the disk: at most 20,000 rows a second. */
const PAUSE_MS = 50;

/** Removes old events and idempotency keys in small steps while this node is active (migrations/0006_retention.sql). */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<unknown> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    const delay = EVERY_MS * (0.9 + Math.random() * 0.2);
    this.#timer = setTimeout(() => {
      this.#sweeping = this.sweep().catch((error) => this.#report(error));
      void this.#sweeping.then(() => {
        if (!this.#stopping.signal.aborted) this.start();
      });
    }, delay);
  }

  /** Stops sweeping. Resolves when the step under way has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  /** Removes what is too old or too much; nothing if this node is not active. @throws the database's error. */
  async sweep(): Promise<SweepResult> {
    const { eventHours, eventCount, keyHours, log } = this.#options;
    const events = await this.#inSteps(
      `SELECT plantao.remove_old_events($term, make_interval(hours => $hours), $most, ${STEP}) AS removed`,
      { hours: eventHours, most: eventCount },
    );
    const keys = await this.#inSteps(
      `SELECT plantao.remove_old_keys($term, make_interval(hours => $hours), ${STEP}) AS removed`,
      { hours: keyHours },
    );
    if (events + keys > 0) log.debug({ event: 'swept', events, keys }, 'old events and idempotency keys were removed');
    return { events, keys };
  }

  async #inSteps(sql: string, values: Record<string, number>): Promise<number> {
    const { sequelize } = this.#options;
    for (let removed = 0; ; ) {
      const term = this.#options.term();
      if (term === null || this.#stopping.signal.aborted) return removed;
      const [row] = await sequelize.query<{ removed: number }>(sql, {
        bind: { ...values, term },
        type: QueryTypes.SELECT,
      });
      removed += row?.removed ?? 0;
      if (!row || row.removed < STEP) return removed;
      await pause(PAUSE_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  /** A closed term and an unavailable database are normal: the next sweep, here or on the next active node, continues. */
  #report(error: unknown): void {
    const isExpected = sqlState(error) === SqlState.TERM_CLOSED || isUnavailable(error);
    this.#options.log[isExpected ? 'debug' : 'error'](
      { err: error },
      'retention failed: the next sweep, within about a minute, tries again',
    );
  }
}
