import { type Clock, monotonic } from '../../async/clock.ts';

/**
 * Measures for how long this process, and perhaps only this one, cannot open a session: its attempts fail, or the server sends
 * nothing. A slow attempt, as on an overloaded machine or while commits wait for a synchronous standby, does not count, because
 * every other process would be as slow. Nor does the wait for the next attempt after PostgreSQL has refused the warm-up.
 */
export class Reachability {
  readonly #clock: Clock;
  #closedAt: number;
  #beganAt: number;
  /** When the server last sent something while the session was being opened. */
  #receivedAt = Number.NEGATIVE_INFINITY;
  /** When the first of the consecutive failed openings began; null after one that reached the server. */
  #failingSince: number | null = null;
  /** True after PostgreSQL has refused the warm-up, until the next opening begins. */
  #isRefused = false;

  constructor(clock: Clock = monotonic) {
    this.#clock = clock;
    this.#closedAt = clock();
    this.#beganAt = this.#closedAt;
  }

  /** Milliseconds since the session was closed or the server last responded. Not valid while the session is open. */
  get unreachableForMs(): number {
    if (this.#isRefused) return 0;
    return this.#clock() - (this.#failingSince ?? Math.max(this.#closedAt, this.#receivedAt));
  }

  openingBegan(): void {
    if (this.#isRefused) this.received();
    this.#isRefused = false;
    this.#beganAt = this.#clock();
  }

  /** Notes that the server has sent something. */
  received(): void {
    this.#receivedAt = this.#clock();
  }

  /** Notes that the session is open, though its warm-up may fail. */
  reached(): void {
    this.#failingSince = null;
    this.received();
  }

  openingFailed(): void {
    this.#failingSince ??= this.#beganAt;
  }

  warmUpRefused(): void {
    this.#isRefused = true;
  }

  closed(): void {
    this.#closedAt = this.#clock();
  }
}
