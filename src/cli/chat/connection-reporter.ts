import type { ConnectionChange, ConnectionUse } from '../../client/types.ts';

/** Longer than any failover; an outage that lasts longer is worth a line. */
const OUTAGE_MS = 2000;

interface Loss {
  url: string;
  /** A sentence: which node was lost, and why. */
  reason: string;
}

/** Reports which node serves, one line per change. A node that is lost for both reads and writes is reported once. */
export class ConnectionReporter {
  readonly #print: (sentence: string) => void;
  readonly #lost = new Map<ConnectionUse, Loss>();
  /** The last reported change for each use. */
  readonly #reported = new Map<ConnectionUse, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOutage = false;

  constructor(print: (sentence: string) => void) {
    this.#print = print;
  }

  /** Reports a change of the connection, if it is worth a line. */
  report({ use, url, state, reason = 'is gone' }: ConnectionChange): void {
    if (state === 'connected') this.#regained(use, url);
    else if (!this.#lost.has(use)) this.#lose(use, { url, reason: `${url} ${reason}` });
  }

  /** Stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #lose(use: ConnectionUse, loss: Loss): void {
    this.#lost.set(use, loss);
    // Reads only: a loss for writes is noticed when a message is sent, and the chat itself says that the message waits.
    if (use === 'read') this.#timer = setTimeout(() => this.#reportOutage(loss), OUTAGE_MS);
  }

  #reportOutage({ reason }: Loss): void {
    this.#isOutage = true;
    this.#print(`${reason}; no node responds, retrying`);
  }

  #regained(use: ConnectionUse, url: string): void {
    const before = this.#lost.get(use);
    this.#lost.delete(use);
    this.#reported.set(use, `${before?.url} ${url}`);
    if (use === 'read') clearTimeout(this.#timer);
    if (use === 'read' && (before === undefined || this.#isOutage)) {
      this.#print(`${url} serves${this.#isOutage ? ' again' : ''}`);
      this.#isOutage = false;
    } else if (
      before !== undefined &&
      before.url !== url &&
      this.#reported.get('read') !== this.#reported.get('write')
    ) {
      this.#print(`${before.reason}; ${url} ${use === 'read' ? 'serves' : 'accepts messages'}`);
    }
  }
}
