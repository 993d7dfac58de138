import type { Log } from '../log.ts';

/** Logs when a condition starts, changes and ends: a sentence on a subject only if it differs from the last one. */
export class ChangeLogger {
  readonly #log: Log;
  readonly #reported = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `event` is for programs that read the log. Sentences of one `kind` count as the same. */
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
