import { randomBytes } from 'node:crypto';
import { type Clock, threadClock } from '../../async/clock.ts';

/** A signal about a user, for the other members of these groups. */
export interface UserSignal {
  userId: number;
  groupIds: readonly number[];
  json: string;
}

/** Far longer than a client takes from one poll to the next, and short enough that a typing signal is still true. */
export const KEEP_SIGNALS_MS = 2000;
/** Maximum number of signals to keep. The oldest are dropped. */
const MAX_KEPT = 500;

interface Kept {
  signal: UserSignal;
  at: number;
}

/**
 * The signals of the last two seconds, numbered. A client that polls is away for a moment between two polls: its next poll
 * sends the cursor of the last response, and gets the signals that have arrived since.
 */
export class RecentSignals {
  /** Distinguishes the cursors of this process from those of other nodes, and of this node before a restart: they number other signals. */
  readonly #tag = randomBytes(6).toString('hex');
  readonly #clock: Clock;
  #kept: Kept[] = [];
  #number = 0;
  #cursor = `${this.#tag}-0`;

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
  }

  /** The position after the newest signal. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Returns true if the cursor is one of this node. */
  knows(cursor: string): boolean {
    return cursor.startsWith(this.#tag);
  }

  /** Adds signals, in the order in which they were delivered. */
  add(signals: readonly UserSignal[]): void {
    if (signals.length === 0) return;
    const at = this.#clock();
    for (const signal of signals) this.#kept.push({ signal, at });
    this.#number += signals.length;
    this.#cursor = `${this.#tag}-${this.#number}`;
    if (this.#kept.length > 2 * MAX_KEPT) this.#kept = this.#kept.slice(-MAX_KEPT);
  }

  /** Returns the signals after a cursor, the oldest first; none for a cursor of another node. */
  after(cursor: string): UserSignal[] {
    if (cursor === this.#cursor || !this.knows(cursor)) return [];
    const missed = Math.min(MAX_KEPT, this.#number - Number(cursor.slice(this.#tag.length + 1)));
    // A client can send any text as a cursor.
    if (!(missed > 0)) return [];
    const since = this.#clock() - KEEP_SIGNALS_MS;
    return this.#kept
      .slice(-missed)
      .filter(({ at }) => at > since)
      .map(({ signal }) => signal);
  }
}
