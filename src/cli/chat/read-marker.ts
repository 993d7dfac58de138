import type { ChatClient } from '../../client/index.ts';

/** Moves read marks in the background, one request at a time: a mark that waits is replaced by a later one of its group. */
export class ReadMarker {
  readonly #client: ChatClient;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<number, number>();
  #isRunning = false;

  constructor(client: ChatClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Marks a group as read up to a message. A mark that fails is lost: the next message moves it. */
  mark(groupId: number, messageId: number): void {
    this.#waiting.set(groupId, messageId);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const [groupId, messageId] of this.#waiting) {
      this.#waiting.delete(groupId);
      if (!this.#signal.aborted)
        await this.#client.markRead(groupId, messageId, { signal: this.#signal }).catch(() => {});
    }
    this.#isRunning = false;
  }
}
