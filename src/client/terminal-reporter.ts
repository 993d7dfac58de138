import type { ConnectionChange, Use } from './types.ts';

/** Longer than a failover in which nodes die; what lasts longer the reader should know of. */
const TROUBLE_MS = 2000;

interface Loss {
  url: string;
  /** A sentence: which node, and what became of it. */
  why: string;
}

/** Says who serves, one quiet line a change. A node that is lost for reads and writes is told once. */
export class ConnectionReporter {
  readonly #say: (sentence: string) => void;
  readonly #lost = new Map<Use, Loss>();
  /** The last change that was told for each use. */
  readonly #told = new Map<Use, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #inTrouble = false;

  constructor(say: (sentence: string) => void) {
    this.#say = say;
  }

  /** Takes a change of the connection. */
  hear({ use, url, state, reason = 'is gone' }: ConnectionChange): void {
    if (state === 'connected') this.#regained(use, url);
    else if (!this.#lost.has(use)) this.#lose(use, { url, why: `${url} ${reason}` });
  }

  /** Ends what it waits for. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #lose(use: Use, loss: Loss): void {
    this.#lost.set(use, loss);
    // Only what hangs on the stream: the loss for writes is found by a message, which tells by itself that it waits.
    if (use === 'read') this.#timer = setTimeout(() => this.#nobody(loss), TROUBLE_MS);
  }

  #nobody({ why }: Loss): void {
    this.#inTrouble = true;
    this.#say(`${why}; no node answers, trying again`);
  }

  #regained(use: Use, url: string): void {
    const before = this.#lost.get(use);
    this.#lost.delete(use);
    this.#told.set(use, `${before?.url} ${url}`);
    if (use === 'read') clearTimeout(this.#timer);
    if (use === 'read' && (before === undefined || this.#inTrouble)) {
      this.#say(`${url} serves${this.#inTrouble ? ' again' : ''}`);
      this.#inTrouble = false;
    } else if (before !== undefined && before.url !== url && this.#told.get('read') !== this.#told.get('write')) {
      this.#say(`${before.why}; ${url} ${use === 'read' ? 'serves' : 'takes the messages'}`);
    }
  }
}
