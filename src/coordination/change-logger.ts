import type { Log } from '../log/log.ts';

/** Logs when a condition starts, changes and ends. Does not repeat a message about a subject until it has changed. */
export class ChangeLogger {
  readonly #log: Log;
  readonly #reported = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs `sentence`, unless the last one about `subject` had the same `kind`. `event` is for programs that read the log. */
  report(subject: string, sentence: string, event?: string, kind = sentence): void {
    if (this.#reported.get(subject) === kind) return;
    this.#reported.set(subject, kind);
    this.#log.info(event === undefined ? {} : { event }, sentence);
  }

  /** Drops a subject without logging its end. */
  forget(subject: string): void {
    this.#reported.delete(subject);
  }

  /** Logs that a condition ended, if its start was logged. */
  resolve(subject: string, sentence: string): void {
    if (!this.#reported.delete(subject)) return;
    this.#log.info(sentence);
  }
}
