import { type Clock, threadClock } from '../../async/clock.ts';
import { BlockedError } from '../../database/checks/blocking.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { Post } from './post.ts';

/** How long posts that need a locked row or table are refused after one post had to wait for it. */
const KEEP_MS = 2000;
const MAX_PARTS = 1000;

/**
 * The context of PostgreSQL's error contains the statement that waited, whatever the language of its messages: the check of a
 * foreign key, or a statement of post_messages().
 */
const FOREIGN_KEY = /FROM ONLY "plantao"\."(users|groups)"/;
const OWN_STATEMENT = /plantao\.(idempotency_keys|hooks)\b/;

/** The row of the sender or of the group, or a whole table that only some posts need. */
export type LockedPart = 'users' | 'groups' | 'idempotency_keys' | 'hooks';

/** Returns the row or table that another transaction has locked, if not every post needs it; null for any other error. */
export function lockedPart(error: unknown): LockedPart | null {
  if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) return null;
  const { where } = error as { where?: unknown };
  if (typeof where !== 'string') return null;
  const [, part] = FOREIGN_KEY.exec(where) ?? OWN_STATEMENT.exec(where) ?? [];
  return (part as LockedPart | undefined) ?? null;
}

/** Returns true if the post needs that table. */
export function needsTable({ key, fromHook }: Post, table: 'idempotency_keys' | 'hooks'): boolean {
  return table === 'hooks' ? fromHook === true : key !== null;
}

/** Remembers which rows and tables are locked: a post that waits for one would keep the event log locked for that time. */
export class LockedParts {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
  }

  /** Notes that `post` waited for this row or table. */
  add(part: LockedPart, post: Post): void {
    const name = part === 'users' ? senderOf(post) : part === 'groups' ? groupOf(post) : part;
    this.#until.delete(name);
    this.#until.set(name, this.#clock() + KEEP_MS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MAX_PARTS && oldest !== undefined) this.#until.delete(oldest);
  }

  /** Returns the error for a post that needs a row or table which was locked a moment ago; null for any other. */
  errorOf(post: Post): BlockedError | null {
    if (this.#until.size === 0) return null;
    const now = this.#clock();
    const isLocked = partsOf(post).some((part) => (this.#until.get(part) ?? now) > now);
    return isLocked ? new BlockedError([]) : null;
  }
}

const senderOf = ({ senderId }: Post) => `user ${senderId}`;
const groupOf = ({ groupId }: Post) => `group ${groupId}`;

function partsOf(post: Post): string[] {
  const tables = (['idempotency_keys', 'hooks'] as const).filter((table) => needsTable(post, table));
  return [senderOf(post), groupOf(post), ...tables];
}
