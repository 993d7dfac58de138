import { type Clock, monotonic } from '../async/clock.ts';

/** A pause of failover: plantao.current_pause. */
export interface Pause {
  since: Date;
  until: Date;
  reason: string | null;
  /** The database role, or the HTTP client, that requested it. */
  askedBy: string;
}

/** A {@link Pause} from the database, with the time left by the database's clock. */
export interface PauseRow extends Pause {
  remainingMs: number;
}

/**
 * The pause that this node read last. It ends on time even if the database cannot be read. PostgreSQL enforces the pause
 * (plantao.may_lead); the node needs it for messages, and to skip attempts that PostgreSQL would refuse.
 */
export class PauseState {
  readonly #clock: Clock;
  #read: { pause: Pause; endsAt: number } | null = null;

  constructor(clock: Clock = monotonic) {
    this.#clock = clock;
  }

  /** Records the pause in the database, or that there is none. */
  observe(row: PauseRow | null): void {
    if (row === null) this.#read = null;
    else {
      const { remainingMs, ...pause } = row;
      this.#read = { pause, endsAt: this.#clock() + remainingMs };
    }
  }

  /** The current pause; null if there is none. */
  get current(): Pause | null {
    return this.#read !== null && this.#clock() < this.#read.endsAt ? this.#read.pause : null;
  }
}

/** Returns the pause as a sentence for `/health` and the log. */
export function describePause({ until, reason }: Pause): string {
  const end = until.toISOString().replace(/\.\d+/, '');
  return `failover is paused until ${end}${reason ? `: ${reason}` : ''}. To end the pause: plantao resume`;
}
