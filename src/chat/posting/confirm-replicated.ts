import { Refused } from '../errors.ts';

/** Options of {@link confirmReplicated}. */
export interface Replication {
  /** Returns the fencing token of this node's term, or null if it is not active. */
  fencingToken: () => number | null;
  /** Resolves to true once the synchronous standbys have flushed all commits made so far; to false after a time limit. */
  isReplicated(): Promise<boolean>;
}

/**
 * Waits until the synchronous standbys have a message that was just stored. An error must not say that it is not stored. The positions
 * are read on another session: if the term has changed, that session may be connected to another primary, which does not have the
 * message. @throws {Refused} not_replicated.
 */
export async function confirmReplicated({ fencingToken, isReplicated }: Replication): Promise<void> {
  const token = fencingToken();
  try {
    if ((await isReplicated()) && token !== null && fencingToken() === token) return;
  } catch (cause) {
    throw new Refused('not_replicated', { cause });
  }
  throw new Refused('not_replicated');
}
