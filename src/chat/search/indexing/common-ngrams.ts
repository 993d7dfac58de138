import { fold } from '../folding.ts';
import { mixed, visitNgrams } from './ngrams.ts';

/**
 * The shares of the messages from which an n-gram is common, more common and most common. A chunk of 16 messages then has it with
 * a probability of 1 %, 5 % and 20 %.
 */
const SHARES = [1 / 1600, 1 / 312, 1 / 72];
/** Level of all n-grams before any were counted. */
const UNKNOWN_LEVEL = 1;
/** Maximum number of common n-grams; a language has 4,000 to 10,000. */
const MAX_COMMON = 16_384;
/** N-grams are told apart by these bits. One in a hundred rare ones is taken for a common one, which only costs time. */
const BITS = 20;
const SLOTS = 1 << BITS;
const slotOf = (ngram: number) => Math.imul(ngram, 0xc2b2ae35) >>> (32 - BITS);

/**
 * The n-grams that many messages contain. A common n-gram excludes few chunks, and so has fewer hashes in the index than a rare one
 * (the idea of BitFunnel: Goodwin et al., SIGIR 2017): the bits of an index whose n-grams all had the same number would mostly be
 * those of common ones.
 */
export class CommonNgrams {
  /** The level of each common n-gram and its slot, as the database keeps them: 4 * slot + level. Null before any were counted. */
  readonly stored: readonly number[] | null;
  /** A hash of what is stored. */
  readonly digest: number;
  readonly #levels: Uint8Array | null = null;

  constructor(stored: readonly number[] | null) {
    this.stored = stored;
    this.digest = (stored ?? [-1]).reduce(mixed, 0);
    if (!stored) return;
    this.#levels = new Uint8Array(SLOTS);
    for (const one of stored) this.#levels[(one >>> 2) % SLOTS] = one & 3;
  }

  /** Returns how common an n-gram is: from 0 for a rare one to 3. */
  levelOf(ngram: number): number {
    return this.#levels ? (this.#levels[slotOf(ngram)] ?? 0) : UNKNOWN_LEVEL;
  }
}

/** Counts the n-grams of messages. */
export class NgramCounter {
  readonly #counts = new Uint16Array(SLOTS);
  /** The number of the last message that had an n-gram, so that it counts once per message. */
  readonly #last = new Uint16Array(SLOTS);
  #messages = 0;

  /** Counts the n-grams of a message. Up to 65,535 messages can be counted. */
  add(content: string): void {
    this.#messages++;
    visitNgrams(fold(content), false, (_kind, ngram) => {
      const slot = slotOf(ngram);
      if (this.#last[slot] !== this.#messages) this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
      this.#last[slot] = this.#messages;
      return 1;
    });
  }

  /** Returns the common n-grams of the messages counted so far: where there are too many, those of the highest counts. */
  result(): CommonNgrams {
    const limits = SHARES.map((share) => share * this.#messages);
    const levelOf = (count: number) => limits.filter((limit) => count >= limit).length;
    const least = this.#leastCommon(Math.max(1, Math.ceil(limits[0] ?? 0)));
    const stored: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const count = this.#counts[slot] ?? 0;
      if (count >= least) stored.push(4 * slot + levelOf(count));
    }
    return new CommonNgrams(stored);
  }

  /**
   * Returns the lowest count, at least `least`, that no more than {@link MAX_COMMON} slots reach. Sorting the slots instead would
   * block the node for a quarter of a second where most n-grams occur once.
   */
  #leastCommon(least: number): number {
    const slotsWith = new Uint32Array(this.#messages + 2);
    for (const count of this.#counts) slotsWith[count] = (slotsWith[count] ?? 0) + 1;
    let lowest = this.#messages + 1;
    for (let common = 0; lowest > least; lowest--) {
      common += slotsWith[lowest - 1] ?? 0;
      if (common > MAX_COMMON) break;
    }
    return lowest;
  }
}
