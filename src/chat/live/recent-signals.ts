import { randomBytes } from 'node:crypto';
import { type Clock, threadClock } from '../../async/clock.ts';

/** A signal about a user, for the other members of these groups. */
export interface Ephemeral {
  userId: number;
  groupIds: readonly number[];
  json: string;
}

/** Far longer than a client takes from one poll to the next, and short enough that a typing signal is still true. */
export const KEEP_MS = 2000;
/** Signals that are kept. The oldest are dropped. */
const MAX_KEPT = 500;

interface Kept {
  signal: Ephemeral;
  at: number;
}

/**
 * The signals of the last two seconds, numbered. A client that polls is away for a moment between two polls: its next poll
 * sends the mark of the last response, and gets the signals that have arrived since.
 */
export class RecentSignals {
  /** Distinguishes the marks of this process from those of other nodes, and of this node before a restart: they number other signals. */
  readonly #tag = randomBytes(6).toString('hex');
  readonly #clock: Clock;
  #kept: Kept[] = [];
  #number = 0;
  #mark = `${this.#tag}-0`;

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
  }

  /** The position after the newest signal. */
  get mark(): string {
    return this.#mark;
  }

  /** Returns true if the mark is one of this node. */
  knows(mark: string): boolean {
    return mark.startsWith(this.#tag);
  }

  /** Adds signals, in the order in which they were delivered. */
  add(signals: readonly Ephemeral[]): void {
    if (signals.length === 0) return;
    const at = this.#clock();
    for (const signal of signals) this.#kept.push({ signal, at });
    this.#number += signals.length;
    this.#mark = `${this.#tag}-${this.#number}`;
    if (this.#kept.length > 2 * MAX_KEPT) this.#kept = this.#kept.slice(-MAX_KEPT);
  }

  /** Returns the signals after a mark, the oldest first; none for a mark of another node. */
  after(mark: string): Ephemeral[] {
    if (mark === this.#mark || !this.knows(mark)) return [];
    const missed = Math.min(MAX_KEPT, this.#number - Number(mark.slice(this.#tag.length + 1)));
    // A client can send any text as a mark.
    if (!(missed > 0)) return [];
    const since = this.#clock() - KEEP_MS;
    return this.#kept
      .slice(-missed)
      .filter(({ at }) => at > since)
      .map(({ signal }) => signal);
  }
}
