/** Long enough to see the other node take over and to let a port go, short enough to see this one return. */
const FIRST_MS = 1000;
const LONGEST_MS = 15_000;
/** One that ran for so long did not fail for the reason of the last time. */
const STEADY_MS = 30_000;

/** How long to wait before something that keeps ending is started again. */
export class RestartPause {
  #failures = 0;

  /** Milliseconds to wait after an end that came `ranFor` ms after the start: doubling from one second, ± a quarter. */
  next(ranFor: number): number {
    if (ranFor >= STEADY_MS) this.#failures = 0;
    const pause = Math.min(FIRST_MS * 2 ** this.#failures, LONGEST_MS);
    this.#failures += 1;
    return pause * (0.75 + Math.random() / 2);
  }
}
