import type { ChatClient } from '../../../../client/index.ts';

/** Wait before a read mark is reported, in milliseconds: scrolling moves it many times a second. */
const PAUSE_MS = 500;

/** Reports the user's read marks to the cluster, the latest of each group. The next one makes up for a lost one. */
export class ReadReports {
  readonly #client: ChatClient;
  readonly #signal: AbortSignal;
  readonly #pauseMs: number;
  readonly #marks = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ChatClient, signal: AbortSignal, pauseMs = PAUSE_MS) {
    this.#client = client;
    this.#signal = signal;
    this.#pauseMs = pauseMs;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** Reports soon that the messages of a group up to this one have been read. */
  report(groupId: number, messageId: number): void {
    this.#marks.set(groupId, messageId);
    this.#timer ??= setTimeout(() => this.send(), this.#pauseMs);
  }

  /** Reports all pending marks at once: the page may be about to close. */
  send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [groupId, messageId] of this.#marks) {
      this.#marks.delete(groupId);
      this.#client.markRead(groupId, messageId, { signal: this.#signal }).catch(() => {});
    }
  }
}
