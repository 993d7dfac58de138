/** A range of message ids of one group, both ends included, that the search has not read yet and that may contain matches. */
export interface Candidate {
  groupId: number;
  from: number;
  to: number;
  /** True if the search index is queried first, to narrow the range. */
  isIndexed?: boolean;
}

/**
 * The messages of a user's groups that a search has yet to read, and what it has found. The newest are read first, so that the
 * search can stop as soon as a page is complete, and knows at any time how far it has read.
 */
export class Candidates {
  /** The next to be read is the last one. */
  readonly #waiting: Candidate[] = [];
  /** Newest first. */
  #found: number[] = [];

  constructor(candidates: readonly Candidate[]) {
    this.#add(candidates);
  }

  /** Returns the newest candidates, at most `limit`, either all indexed or none. They count as unread until {@link report}. */
  newest(limit: number): Candidate[] {
    const newest = this.#waiting.slice(-limit).reverse();
    const end = newest.findIndex(({ isIndexed = false }) => isIndexed !== (newest[0]?.isIndexed ?? false));
    return end < 0 ? newest : newest.slice(0, end);
  }

  /**
   * Records that the newest `count` candidates were read: `found` are the matches, `left` the ranges that were not read to their
   * end.
   */
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

  /** The matches found so far that no unread message could precede: the result up to here is final. */
  get certain(): readonly number[] {
    return this.#found.filter((id) => id >= this.readFrom);
  }

  #add(candidates: readonly Candidate[]): void {
    this.#waiting.push(...candidates.filter(({ from, to }) => from <= to));
    this.#waiting.sort((one, other) => one.to - other.to);
  }
}
