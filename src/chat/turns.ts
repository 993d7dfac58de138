/** Lets work run a few at a time; what comes beyond a bounded number that wait is refused at once. */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `most` run at once, `mostWaiting` wait for them. */
  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /** Runs `work` in its turn, first come first served. @throws what `refusal` makes where too many wait; what `work` throws. */
  async take<T>(work: () => Promise<T>, refusal: () => Error): Promise<T> {
    if (this.#running < this.#most) this.#running++;
    else {
      if (this.#waiting.length >= this.#mostWaiting) throw refusal();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      // The turn is handed on, not given back, so nobody can slip in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
