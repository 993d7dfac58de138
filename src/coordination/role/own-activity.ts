import { type Clock, monotonic } from '../../async/clock.ts';

/** When this node was last active: now, or until the end of its lease, if that has expired or the node has resigned. */
export class OwnActivity {
  readonly #clock: Clock;
  /** The end of its lease when that was last recorded; null while it is not active. */
  #leasedUntil: number | null = null;
  #endedAt: number | null = null;

  constructor(clock: Clock = monotonic) {
    this.#clock = clock;
  }

  /** By the clock; null if this node has never been active. A process that was stopped continues with an expired lease. */
  get lastAt(): number | null {
    return this.#leasedUntil === null ? this.#endedAt : Math.min(this.#clock(), this.#leasedUntil);
  }

  /** Records that this node is active with a lease until `until`; called at each tick, because heartbeats extend the lease. */
  leased(until: number): void {
    this.#leasedUntil = until;
  }

  /** Records that this node is no longer active. Does nothing if that is recorded already. */
  ended(): void {
    this.#endedAt = this.lastAt;
    this.#leasedUntil = null;
  }
}
