import type { Log } from '../log.ts';

/** Logs a sentence only when it differs from the last one on the same subject: what goes on for hours is said once. */
export class ChangeLogger {
  readonly #log: Log;
  readonly #said = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `event` is for programs that read the log. Sentences of one `kind` count as the same. */
  report(subject: string, sentence: string, event?: string, kind = sentence): void {
    if (this.#said.get(subject) === kind) return;
    this.#said.set(subject, kind);
    this.#log.info(event === undefined ? {} : { event }, sentence);
  }

  /** The subject is of no account any more: nothing is said of its end. */
  forget(subject: string): void {
    this.#said.delete(subject);
  }

  /** As {@link report}, if anything was said on the subject since it was last closed: how a trouble ended. */
  resolve(subject: string, sentence: string): void {
    if (!this.#said.delete(subject)) return;
    this.#log.info(sentence);
  }
}
