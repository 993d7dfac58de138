import { isRefusedOpening, isUnavailable, reasonOf } from '../../database/errors.ts';
import { errorMessage } from '../../error-message.ts';
import type { Log } from '../../log/log.ts';

const UNREADABLE = 'the event log cannot be read';

/** Records whether the event log can be read, and why not. Each reason is logged once, although the log is read again every second. */
export class ReaderHealth {
  readonly #log: Log;
  #problem: string | null = UNREADABLE;
  #logged: string | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The reason, without secrets. Null while reads succeed; before the first read it is not null. */
  get problem(): string | null {
    return this.#problem;
  }

  failed(error: unknown): void {
    this.#problem = `${UNREADABLE}: ${reasonOf(error)}`;
    const message = errorMessage(error);
    if (this.#logged === message) return;
    this.#logged = message;
    const isLasting = !isUnavailable(error) || isRefusedOpening(error);
    this.#log[isLasting ? 'error' : 'debug']({ err: error }, 'could not read the event log: retrying every second');
  }

  succeeded(): void {
    this.#problem = null;
    this.#logged = null;
  }
}
