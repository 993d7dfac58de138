/** Long enough to see the other node take over and to free the port, short enough to watch this node return. */
const FIRST_MS = 1000;
const MAX_DELAY_MS = 15_000;
/** A process that ran this long did not fail for the same reason as before. */
const STEADY_MS = 30_000;

/** The delay before a process that keeps exiting is restarted. */
export class RestartDelay {
  #failures = 0;

  /** Returns the delay in ms after a process exited `ranFor` ms after its start: exponential from one second, ± 25 %. */
  next(ranFor: number): number {
    if (ranFor >= STEADY_MS) this.#failures = 0;
    const delay = Math.min(FIRST_MS * 2 ** this.#failures, MAX_DELAY_MS);
    this.#failures += 1;
    return delay * (0.75 + Math.random() / 2);
  }
}
