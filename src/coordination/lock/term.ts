import type { Lease } from './lease.ts';
import type { OpenedTerm } from './lock-statements.ts';

/** A term in which this node is active: its number, its proof, and the time until which the node may act on it. */
export class Term implements OpenedTerm {
  readonly number: number;
  readonly token: number;
  readonly #lease: Lease;
  #isEnded = false;
  #doubtedAt = Number.NEGATIVE_INFINITY;

  constructor({ number, token }: OpenedTerm, lease: Lease) {
    this.number = number;
    this.token = token;
    this.#lease = lease;
  }

  /** By the monotonic clock: extended by each confirmed heartbeat, 0 once the term has ended. */
  get validUntil(): number {
    return this.#isEnded ? 0 : this.#lease.validUntil(this.number);
  }

  /** True while the node may act on the term. Read before every write, so it must cost next to nothing. */
  get isValid(): boolean {
    return !this.#isEnded && this.#lease.isValid(this.number, this.#doubtedAt);
  }

  /** True until the term is resigned or the lock is known to be lost, even if the lease has expired in the meantime. */
  get isHeld(): boolean {
    return !this.#isEnded && this.#lease.heldTerm === this.number;
  }

  /** Makes the term invalid until PostgreSQL confirms a heartbeat that is sent from now on. */
  doubt(): void {
    this.#doubtedAt = this.#lease.now();
  }

  /** Ends the term in this thread at once; the lock thread ends the lease a moment later. */
  end(): void {
    this.#isEnded = true;
  }
}
