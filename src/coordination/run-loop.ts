import { type Clock, monotonic } from './clock.ts';
import { jittered } from './election-timing.ts';

/** What a {@link RunLoop} is told. */
export interface RunLoopOptions {
  /** What is looked after at each turn of the loop; must not wait. */
  look(): void;
  /** The work that one turn begins, unless the last one's is still under way. Must not fail. */
  step(): Promise<void>;
  /** Milliseconds from one step's start to the next, before jitter. */
  paceMs(): number;
  clock?: Clock;
}

/**
 * One loop with one timer, and a queue for whatever must not overlap with its steps. The loop does not wait for a step:
 * a database that hangs must not keep the node from hearing its peers.
 */
export class RunLoop {
  readonly #options: RunLoopOptions;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #isStepping = false;
  #isPoked = false;
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

  /** Turns now instead of when the timer says. */
  wake(): void {
    this.#isPoked = true;
    this.#wake();
  }

  /** Runs `work` after whatever was begun before it; its failure is the caller's, not the next one's. */
  runExclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Ends the loop; what is in the queue goes on. */
  end(): Promise<void> {
    this.#isEnded = true;
    this.wake();
    return this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      this.#isPoked = false;
      this.#options.look();
      this.#begin();
      if (!this.#isPoked) await this.#pause();
    }
  }

  #begin(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    const [startedAt, pace] = [this.#clock(), this.#options.paceMs()];
    void this.runExclusive(() => this.#options.step()).finally(() => {
      this.#isStepping = false;
      // A slow answer has used up the pause as well.
      if (this.#clock() - startedAt >= pace) this.wake();
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, jittered(this.#options.paceMs()));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
