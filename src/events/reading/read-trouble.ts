import { isUnavailable, reasonOf } from '../../database/errors.ts';
import type { Log } from '../../log.ts';
import { messageOf } from '../../message-of.ts';

const UNREADABLE = 'the event log cannot be read';

/** Keeps why the event log cannot be read. Each reason is logged once, although the log is read again every second. */
export class ReadTrouble {
  readonly #log: Log;
  #sentence: string | null = UNREADABLE;
  #logged: string | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The reason, without secrets. Null while reads succeed; before the first read it is not null. */
  get sentence(): string | null {
    return this.#sentence;
  }

  failed(error: unknown): void {
    const isAway = isUnavailable(error);
    this.#sentence = isAway ? UNREADABLE : `${UNREADABLE}: ${reasonOf(error)}`;
    const message = messageOf(error);
    if (this.#logged === message) return;
    this.#logged = message;
    this.#log[isAway ? 'debug' : 'error']({ err: error }, 'could not read the event log: retrying every second');
  }

  succeeded(): void {
    this.#sentence = null;
    this.#logged = null;
  }
}
