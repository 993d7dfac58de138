import { type Clock, monotonic } from '../async/clock.ts';
import type { EndCause } from './end-cause.ts';

/** Options of a {@link LossReport}. */
export interface LossReportOptions {
  /** Records in plantao.leader_history why this node lost the lock in `term`. Has its own deadline. */
  reportLostLock(term: number, cause: EndCause): Promise<void>;
  clock?: Clock;
}

/** Interval between two attempts while they fail. */
const INTERVAL_MS = 500;

/**
 * Records why this node lost its last term. Retries until it succeeds, because the fault that ended the term may prevent the
 * report too. Without a report the successor infers the cause.
 */
export class LossReport {
  readonly #options: LossReportOptions;
  readonly #clock: Clock;
  #unreported: { term: number; cause: EndCause } | null = null;
  #isReporting = false;
  #dueAt = 0;

  constructor(options: LossReportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
  }

  /** Reports a loss: now, or when the report under way has ended. */
  lost(term: number, cause: EndCause): void {
    this.#unreported = { term, cause };
    this.#dueAt = 0;
    this.runDue();
  }

  /** Reports the loss again if that has failed and is due. Called at every tick of the run loop. */
  runDue(): void {
    const loss = this.#unreported;
    const now = this.#clock();
    if (loss === null || this.#isReporting || now < this.#dueAt) return;
    this.#dueAt = now + INTERVAL_MS;
    this.#isReporting = true;
    const reported = () => {
      if (this.#unreported === loss) this.#unreported = null;
    };
    this.#options
      .reportLostLock(loss.term, loss.cause)
      .then(reported, () => {})
      .finally(() => {
        this.#isReporting = false;
      });
  }
}
