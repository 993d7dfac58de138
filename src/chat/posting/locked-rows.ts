import { BlockedError } from '../../database/checks/blocking.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { Post } from './post.ts';

/** How long posts of a sender or to a group are refused after one had to wait for its row. */
const KEEP_MS = 2000;
const MAX_ROWS = 1000;

/** The statement of a foreign key. PostgreSQL names it in the context of the error, in every language. */
const FOREIGN_KEY = /FROM ONLY "plantao"\."(users|groups)"/;

type Table = 'users' | 'groups';

/** Returns the table whose row, the sender or the group of a post, another transaction has locked; null for any other error. */
export function lockedTable(error: unknown): Table | null {
  if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) return null;
  const { where } = error as { where?: unknown };
  const [, table] = (typeof where === 'string' && FOREIGN_KEY.exec(where)) || [];
  return table === 'users' || table === 'groups' ? table : null;
}

/** Remembers which senders and groups are locked, since each post that waits for such a row holds the event log meanwhile. */
export class LockedRows {
  readonly #now: () => number;
  readonly #until = new Map<string, number>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add(table: Table, post: Post): void {
    const row = table === 'users' ? senderOf(post) : groupOf(post);
    this.#until.delete(row);
    this.#until.set(row, this.#now() + KEEP_MS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MAX_ROWS && oldest !== undefined) this.#until.delete(oldest);
  }

  /** Returns the error for a post whose sender or group was locked a moment ago; null for any other. */
  errorOf(post: Post): BlockedError | null {
    const now = this.#now();
    const isLocked = [senderOf(post), groupOf(post)].some((row) => (this.#until.get(row) ?? now) > now);
    return isLocked ? new BlockedError([]) : null;
  }
}

const senderOf = ({ senderId }: Post) => `user ${senderId}`;
const groupOf = ({ groupId }: Post) => `group ${groupId}`;
