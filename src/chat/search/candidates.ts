/** Messages of one group, by their ids, both ends included, that may be found and have not been read. */
export interface Candidate {
  groupId: number;
  from: number;
  to: number;
}

/**
 * The messages of a user's groups that a search has yet to read, and what it has found. Reads the newest first, so that the
 * search can stop as soon as a page is certain, and can say at any time how far it came.
 */
export class Candidates {
  /** The next to be read at the end. */
  #waiting: Candidate[] = [];
  #found: number[] = [];
  /** Candidates below this id are not known yet. */
  #knownFrom: number;

  /** Nothing is known of ids below `before`. */
  constructor(before: number) {
    this.#knownFrom = before;
  }

  /** Adds candidates; from now on all are known whose last id is `knownFrom` or greater. */
  add(candidates: readonly Candidate[], knownFrom: number): void {
    this.#knownFrom = knownFrom;
    this.#putBack(candidates);
  }

  /** Removes and returns the newest known candidates, at most `most`. */
  take(most: number): Candidate[] {
    const firstKnown = this.#waiting.findIndex(({ to }) => to >= this.#knownFrom);
    if (firstKnown < 0) return [];
    return this.#waiting.splice(Math.max(firstKnown, this.#waiting.length - most)).reverse();
  }

  /** Adds what was found in taken candidates, and what is left of those that were read in part. */
  report(found: readonly number[], left: readonly Candidate[]): void {
    this.#found.push(...found);
    this.#found.sort((one, other) => other - one);
    this.#putBack(left);
  }

  /** All messages with this id or a greater one have been read. */
  get readFrom(): number {
    return Math.max(this.#knownFrom, (this.#waiting.at(-1)?.to ?? 0) + 1);
  }

  /** The messages found so far of which it is certain that no newer one is missing between them. */
  get certain(): readonly number[] {
    return this.#found.filter((id) => id >= this.readFrom);
  }

  get knownFrom(): number {
    return this.#knownFrom;
  }

  #putBack(candidates: readonly Candidate[]): void {
    this.#waiting.push(...candidates.filter(({ from, to }) => from <= to));
    this.#waiting.sort((one, other) => one.to - other.to);
  }
}
