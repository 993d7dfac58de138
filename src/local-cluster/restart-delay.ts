import { backoffDelay } from '../async/backoff.ts';

/** Long enough to see the other node take over and to free the port, short enough to watch this node return. */
const FIRST_MS = 1500;
const MAX_DELAY_MS = 20_000;
/** A process that ran this long did not fail for the same reason as before. */
const STEADY_MS = 30_000;

/** The delay before a process that keeps exiting is restarted. */
export class RestartDelay {
  #failures = 0;

  /** Returns the delay in milliseconds after a process exited `ranFor` ms after its start. */
  next(ranFor: number): number {
    if (ranFor >= STEADY_MS) this.#failures = 0;
    return backoffDelay(this.#failures++, MAX_DELAY_MS, FIRST_MS);
  }
}
