/** The next thing to read for a candidate: segments of the index, then the rows of segments that may match, then messages. */
type CandidateLevel = 'segments' | 'rows' | 'messages';

/** A range of message ids of one group, both ends included, that the search has not read yet and that may contain matches. */
export interface Candidate {
  groupId: number;
  from: number;
  to: number;
  level: CandidateLevel;
  /** Expected number of its messages, if that is known. */
  size?: number;
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

  /**
   * Returns the newest ranges of messages to read, at most `limit`; none if the index must be read first. They count as unread
   * until {@link report}.
   */
  toRead(limit: number): Candidate[] {
    const newest = this.#waiting.slice(-limit).reverse();
    const end = newest.findIndex(({ level }) => level !== 'messages');
    return end < 0 ? newest : newest.slice(0, end);
  }

  /** Returns the newest candidates to look up in the index, all at the same level. They count as unread until {@link report}. */
  toProbe(limits: Record<'segments' | 'rows', number>): Candidate[] {
    const all = this.#waiting.filter(({ level }) => level !== 'messages').reverse();
    const level = all[0]?.level === 'segments' ? 'segments' : 'rows';
    return all.slice(0, limits[level]).filter((candidate) => candidate.level === level);
  }

  /** Records that candidates were read: `found` are the matches, `left` the ranges that were not read to their end. */
  report(read: readonly Candidate[], found: readonly number[], left: readonly Candidate[]): void {
    // A message that was changed after it was indexed can be read twice.
    this.#found = [...new Set([...this.#found, ...found])].sort((one, other) => other - one);
    const done = new Set(read);
    const waiting = this.#waiting.filter((candidate) => !done.has(candidate));
    this.#waiting.length = 0;
    this.#add([...waiting, ...left]);
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
