/** Messages of one group, by their ids, both ends included, that may be found and have not been read. */
export interface Candidate {
  groupId: number;
  from: number;
  to: number;
  /** True if the search index is asked first which of them may be found. */
  isIndexed?: boolean;
}

/**
 * The messages of a user's groups that a search has yet to read, and what it has found. Reads the newest first, so that the
 * search can stop as soon as a page is certain, and can say at any time how far it came.
 */
export class Candidates {
  /** The next to be read at the end. */
  readonly #waiting: Candidate[] = [];
  /** Newest first. */
  #found: number[] = [];

  constructor(candidates: readonly Candidate[]) {
    this.#add(candidates);
  }

  /** Returns the newest candidates, at most `limit`, all indexed or all not. They count as unread until {@link report}. */
  newest(limit: number): Candidate[] {
    const newest = this.#waiting.slice(-limit).reverse();
    const end = newest.findIndex(({ isIndexed = false }) => isIndexed !== (newest[0]?.isIndexed ?? false));
    return end < 0 ? newest : newest.slice(0, end);
  }

  /** Records that the newest `count` candidates were read: what was found, and what is left of those that were read in part. */
  report(count: number, found: readonly number[], left: readonly Candidate[]): void {
    // A message that was changed after it was indexed can be read twice.
    this.#found = [...new Set([...this.#found, ...found])].sort((one, other) => other - one);
    this.#waiting.splice(this.#waiting.length - count);
    this.#add(left);
  }

  /** All messages with this id or a greater one have been read. */
  get readFrom(): number {
    return (this.#waiting.at(-1)?.to ?? 0) + 1;
  }

  /** The messages found so far of which it is certain that no newer one is missing between them. */
  get certain(): readonly number[] {
    return this.#found.filter((id) => id >= this.readFrom);
  }

  #add(candidates: readonly Candidate[]): void {
    this.#waiting.push(...candidates.filter(({ from, to }) => from <= to));
    this.#waiting.sort((one, other) => one.to - other.to);
  }
}
