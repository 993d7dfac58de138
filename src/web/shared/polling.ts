/// <reference lib="dom" />

/** Polls repeatedly, one poll at a time. */
export class Polling {
  readonly #poll: () => Promise<void>;
  readonly #waitMs: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;

  /** `waitMs` returns the wait after a poll, in milliseconds. */
  constructor(poll: () => Promise<void>, waitMs: () => number) {
    this.#poll = poll;
    this.#waitMs = waitMs;
  }

  /** Polls now, and then after each wait. Does nothing during a poll. */
  async refresh(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    clearTimeout(this.#timer);
    try {
      await this.#poll();
    } finally {
      this.#isRunning = false;
      this.#timer = setTimeout(() => void this.refresh(), this.#waitMs());
    }
  }
}
