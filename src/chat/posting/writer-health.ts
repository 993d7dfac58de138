import { withTimeout } from '../../async/with-timeout.ts';
import {
  isNotReplicated,
  isOutcomeUnknown,
  isRaised,
  isRefusedByDatabase,
  reasonOf,
  SqlState,
  sqlState,
  tableOf,
} from '../../database/errors.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';

/** Timeout for opening the new session, which finds out why a commit did not respond. */
const REOPEN_LIMIT_MS = 1000;
const PROBE_EVERY_MS = 2000;
/** After so many posts in a row that were refused because of their rows, the cause is probably not in the posts. */
const MANY_REFUSED = 10;
/** Writes a record to PostgreSQL's write-ahead log, so that its commit waits for the disk and the standbys as a post's commit does. */
const PROBE = { name: 'probe', text: "SELECT pg_logical_emit_message(true, 'plantao', '')" };
/** Prepares the plans of post_messages in the writer's session; stores nothing. */
export const WARM_UP_POST = { name: 'warm_up_post', text: 'SELECT plantao.warm_up_post()' };
/** Raises the error that a message would get; stores nothing. */
const TRY_POST = { name: 'try_post', text: 'SELECT plantao.warm_up_post(true)' };
/** The tables of the event log. */
const TABLES_OF_LOG = ['events', 'event_log', 'epochs', 'recovery_marker'];

/** Returns true if the event log refused its row (SQLSTATE class 23): it would refuse the row of every post. */
export function isRefusedByLog(error: unknown): boolean {
  return /^23/.test(sqlState(error) ?? '') && TABLES_OF_LOG.includes(tableOf(error) ?? '');
}

/** Returns true if this post alone may have caused the error (SQLSTATE class 23), even in a table that a DBA's trigger writes to. */
function isCausedByPost(error: unknown): boolean {
  return /^23/.test(sqlState(error) ?? '') && !isRefusedByLog(error);
}

/**
 * Returns true if no post can be stored: the session is lost, another one holds a lock, no standby confirms, or the event log
 * refuses its row. Any other error may be due to one post: to a value of it, or to a DBA's trigger that refuses some posts.
 */
function concernsAll(error: unknown): boolean {
  const isLocked = sqlState(error) === SqlState.LOCK_NOT_AVAILABLE && !isRaised(error);
  return isLocked || isOutcomeUnknown(error) || isRefusedByLog(error);
}

/** The session of the writer. */
export type WriterSession = Pick<ReconnectingSession, 'ready' | 'query' | 'reconnect' | 'waitedForStandby'>;

/** Records whether commits succeed. After a failure it probes with a post that is rolled back, then with an empty commit. */
export class WriterHealth {
  readonly #session: WriterSession;
  readonly #commitLimitMs: number;
  #problem: string | null = null;
  #isInDoubt = false;
  #refusedInARow = 0;
  #probedAt = Number.NEGATIVE_INFINITY;

  constructor(session: WriterSession, commitLimitMs: number) {
    this.#session = session;
    this.#commitLimitMs = commitLimitMs;
  }

  /** The reason why no post can be stored; null after a commit or a probe that succeeded. */
  get problem(): string | null {
    return this.#problem;
  }

  /** True if only a probe can find out whether posts are stored. */
  get needsProbe(): boolean {
    return this.#problem !== null || this.#isInDoubt;
  }

  get isProbeDue(): boolean {
    return performance.now() - this.#probedAt >= PROBE_EVERY_MS;
  }

  succeeded(): void {
    this.#problem = null;
    this.#isInDoubt = false;
    this.#refusedInARow = 0;
  }

  /** Notes that a commit failed. An error that one post may have caused is a problem only if the probe fails too. */
  failed(error: unknown): void {
    if (isCausedByPost(error)) this.#refusedInARow += 1;
    if (concernsAll(error)) this.cannotCommit(error);
    else if (this.#mayConcernOthers(error)) this.#isInDoubt = true;
  }

  /** Returns false if `error` is due to the row of one post, unless the rows of many were refused in a row. */
  #mayConcernOthers(error: unknown): boolean {
    return !isCausedByPost(error) || this.#refusedInARow >= MANY_REFUSED;
  }

  /** Notes why no post can be stored, e.g. why the session cannot be opened. */
  cannotCommit(error: unknown): void {
    const isWaiting = isNotReplicated(error) || (isOutcomeUnknown(error) && this.#session.waitedForStandby);
    const why = isWaiting ? 'PostgreSQL waits for a synchronous standby' : reasonOf(error);
    this.#problem = `messages cannot be stored: ${why}`;
  }

  /** Waits for a new session, which terminates the abandoned one and finds out what that waited for. */
  async reopen(): Promise<void> {
    await withTimeout(REOPEN_LIMIT_MS, this.#session.ready(), () => {}).catch(() => {});
  }

  /** Tries a post, commits an empty record, and notes the result. Never rejects. */
  async probe(): Promise<void> {
    try {
      await this.#session.ready();
      await this.#session.query(TRY_POST, this.#commitLimitMs).catch((error) => {
        if (this.#mayConcernOthers(error)) throw error;
      });
      await this.#session.query(PROBE, this.#commitLimitMs);
      this.succeeded();
    } catch (error) {
      // If PostgreSQL refused the last post and the probe too, the cause may be in the session.
      if (this.#problem !== null && isRefusedByDatabase(error)) this.#session.reconnect();
      await this.reopen();
      this.cannotCommit(error);
    }
    this.#probedAt = performance.now();
  }
}
