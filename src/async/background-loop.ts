import { setTimeout as sleep } from 'node:timers/promises';

/** Options of {@link BackgroundLoop}. */
export interface BackgroundLoopOptions {
  /** Returns the delay before the next round, in milliseconds, counted from the end of the last one. */
  delayMs: () => number;
  round: () => Promise<unknown>;
  /** Called when a round rejects; the next one follows nevertheless. */
  onError: (error: unknown) => void;
}

/** Work that is repeated in the background until it is stopped: one round after another, with a delay before each. */
export class BackgroundLoop {
  readonly #options: BackgroundLoopOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: BackgroundLoopOptions) {
    this.#options = options;
  }

  /** True from the call of {@link stop} on: a round then ends early. */
  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#runOnce();
    }, this.#options.delayMs());
  }

  /** Resolves when no round is running. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Pauses a round; {@link stop} ends the pause. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }

  async #runOnce(): Promise<void> {
    try {
      await this.#options.round();
    } catch (error) {
      this.#options.onError(error);
    }
    if (!this.isStopping) this.start();
  }
}
