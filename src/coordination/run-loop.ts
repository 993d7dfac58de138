import { jittered } from '../async/backoff.ts';
import { type Clock, monotonic } from '../async/clock.ts';
import { SerialQueue } from '../async/serial-queue.ts';

/** Options of a {@link RunLoop}. */
export interface RunLoopOptions {
  /** Called at each tick of the loop; must not wait. */
  tick(): void;
  /** The asynchronous work, called after {@link tick}; skipped while the previous step is still running. */
  step(): Promise<void>;
  /** Called with what {@link tick} or {@link step} threw, which is a bug. The loop continues. */
  onError(error: unknown): void;
  /** Returns the milliseconds from one tick to the next, before jitter. */
  intervalMs(): number;
  clock?: Clock;
}

/**
 * One loop with one timer, and a queue for work that must not overlap with its steps. The loop does not wait for a step: a
 * database that does not respond must not stop the node from probing its peers.
 */
export class RunLoop {
  readonly #options: RunLoopOptions;
  readonly #clock: Clock;
  readonly #queue = new SerialQueue();
  #isStepping = false;
  #isWoken = false;
  #isEnded = false;
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(options: RunLoopOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Starts the next tick now instead of at the timer. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Runs `work` after everything started before it. A rejection reaches the caller only, not the next work. */
  runExclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work);
  }

  /** Ends the loop; queued work continues. */
  end(): Promise<void> {
    this.#isEnded = true;
    this.wake();
    return this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      this.#isWoken = false;
      this.#tick();
      this.#begin();
      if (!this.#isWoken) await this.#pause();
    }
  }

  #tick(): void {
    try {
      this.#options.tick();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #begin(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    const [startedAt, interval] = [this.#clock(), this.#options.intervalMs()];
    void this.runExclusive(() => this.#options.step())
      .catch((error) => this.#options.onError(error))
      .finally(() => {
        this.#isStepping = false;
        // The ticks during a slow step started no step.
        if (this.#clock() - startedAt >= interval) this.wake();
      });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, jittered(this.#options.intervalMs(), 0.2));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
