/**
 * Stores posts. Those that arrive during a commit are committed together by the next one: one SQL call, one commit and one
 * NOTIFY (plantao.post_messages). NOTIFY takes a database-wide lock at commit, so one NOTIFY per message would limit the
 * throughput. The load determines the size of a batch; a single post is committed at once, and no delay is ever added.
 *
 * A post resolves after its commit, never before. If the connection breaks during a commit, its outcome is unknown: posts with
 * an idempotency key are then sent again (the key makes that safe), and the others are rejected with outcome_unknown.
 */

import type { Explain } from '../database/checks/blocking.ts';
import {
  isNotReplicated,
  isOutcomeUnknown,
  isUnavailable,
  reasonOf,
  SqlState,
  sqlState,
  WAITS_FOR_STANDBY,
} from '../database/errors.ts';
import { NotActiveError } from '../database/fenced-write.ts';
import { isTakenId } from '../database/sequences.ts';
import type { ReconnectingSession } from '../database/session/reconnecting-session.ts';
import { within } from '../within.ts';
import { refusalOf } from './constraints.ts';
import { Refused } from './errors.ts';
import { FairQueue } from './fair-queue.ts';

/** A message to be stored. `key` makes a retry safe. */
export interface Post {
  senderId: number;
  groupId: number;
  content: string;
  key: string | null;
}

/** A stored message; `repeated` if it was stored before under the same key. */
export interface Posted {
  messageId: number;
  sentAt: Date;
  /** Its event's position in the log. */
  position: number;
  repeated: boolean;
}

/** Options of {@link MessageWriter}. */
export interface MessageWriterOptions {
  session: Pick<ReconnectingSession, 'ready' | 'query' | 'waitedForStandby'>;
  /** Returns the term in which this node is active, or null; called at each commit. */
  term: () => number | null;
  /** Repairs the sequences after a message's id was taken; the batch is then sent again. */
  heal?(): Promise<void>;
  /** True if only members may post. */
  membersOnly: boolean;
  /** Timeout of a commit: the delay of posts on a half-open connection. */
  commitLimitMs: number;
  /** Names the transaction that held a lock for which a statement was refused. */
  explain?: Explain;
}

/** Queued posts: half a second of work at some 10,000 posts a second. */
const CAPACITY = 5000;
/** Posts and characters per commit: more adds latency, and no throughput in measurements. */
const MOST_POSTS = 256;
const MOST_CHARACTERS = 1024 * 1024;
const MOST_TRIES = 3;
/** How long a post may be queued, and how long after its arrival it may be sent again; milliseconds. */
const QUEUE_LIMIT_MS = 3000;
const REPEAT_WITHIN_MS = 4000;
/** Timeout of the new session that finds out why a commit did not respond. */
const REOPEN_LIMIT_MS = 1000;

const PROBE_EVERY_MS = 2000;
/** Writes a record to PostgreSQL's write-ahead log, so that its commit requires what a post's does. */
const PROBE = { name: 'probe', text: "SELECT pg_logical_emit_message(true, 'plantao', '')" };

const POST_MESSAGES = {
  name: 'post_messages',
  text: `SELECT outcome, message_id, sent_at, log_position
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])`,
};
/** Prepares the plans of post_messages in the writer's session; stores nothing. */
export const WARM_UP_POST = { name: 'warm_up_post', text: 'SELECT plantao.warm_up_post()' };

interface Waiting {
  post: Post;
  tries: number;
  arrivedAt: number;
  /** Rejects it when it was queued too long; undefined while it is being committed. */
  timer: NodeJS.Timeout | undefined;
  isGivenUp: boolean;
  resolve(posted: Posted): void;
  reject(error: unknown): void;
}

interface OutcomeRow {
  outcome: 'sent' | 'repeated' | 'key_reused' | 'user_not_found' | 'group_not_found' | 'not_a_member';
  message_id: number;
  sent_at: Date;
  log_position: number;
}

/** Stores messages in batches: see the head of this file. */
export class MessageWriter {
  readonly #options: MessageWriterOptions;
  readonly #explain: Explain;
  readonly #queue = new FairQueue<Waiting>(CAPACITY);
  #pumping: Promise<void> | null = null;
  #trouble: string | null = null;
  #probedAt = 0;

  constructor(options: MessageWriterOptions) {
    this.#options = options;
    this.#explain = options.explain ?? (async (error) => error);
  }

  /** The number of posts that wait for the next commit. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Why the last commit failed, unless the post was the cause; null after a commit that succeeded. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Commits an invisible record to check whether {@link trouble} is over, unless posts are being stored or it did so recently. */
  probe(): void {
    if (this.#pumping || performance.now() - this.#probedAt < PROBE_EVERY_MS) return;
    this.#pumping = this.#probe().then(() => this.#pump());
  }

  /**
   * Stores a message; resolves after the commit.
   * @throws {Refused} user_not_found, group_not_found, not_a_member, key_reused, overloaded, unavailable (not stored) or
   * outcome_unknown; {BlockedError} if another transaction holds a lock (not stored); {NotActiveError} if this node is not
   * active (not stored).
   */
  post(post: Post): Promise<Posted> {
    return new Promise((resolve, reject) => {
      const waiting = {
        ...{ post, tries: 0, arrivedAt: performance.now(), timer: undefined, isGivenUp: false },
        ...{ resolve, reject },
      };
      if (!this.#push(waiting)) return reject(new Refused('overloaded'));
      this.#pumping ??= this.#pump();
    });
  }

  #push(waiting: Waiting): boolean {
    if (!this.#queue.push(waiting.post.groupId, waiting)) return false;
    waiting.timer = setTimeout(() => {
      waiting.isGivenUp = true;
      reject([waiting], new Refused('unavailable', { sentence: TOO_SLOW }));
    }, QUEUE_LIMIT_MS);
    return true;
  }

  /** Resolves when no post waits, or after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    await within(limitMs, this.#pumping ?? Promise.resolve());
  }

  async #pump(): Promise<void> {
    while (this.#queue.size > 0) {
      const batch = this.#nextBatch();
      if (batch.length > 0) await this.#commit(batch);
    }
    this.#pumping = null;
  }

  async #probe(): Promise<void> {
    const { session, commitLimitMs } = this.#options;
    try {
      await session.ready();
      await session.query(WARM_UP_POST, commitLimitMs);
      await session.query(PROBE, commitLimitMs);
      this.#trouble = null;
    } catch (error) {
      await within(REOPEN_LIMIT_MS, session.ready()).catch(() => {});
      this.#troubledBy(error);
    }
    this.#probedAt = performance.now();
  }

  #troubledBy(error: unknown): void {
    // Classes 22 and 23: the post caused the error.
    if (/^2[23]/.test(sqlState(error) ?? '')) return;
    const isWaiting = isNotReplicated(error) || (isOutcomeUnknown(error) && this.#options.session.waitedForStandby);
    const why = isWaiting ? 'PostgreSQL waits for a synchronous standby' : reasonOf(error);
    this.#trouble = `messages cannot be stored: ${why}`;
  }

  #nextBatch(): Waiting[] {
    const keys = new Set<string>();
    let posts = 0;
    let characters = 0;
    const taken = this.#queue.take(({ post, isGivenUp }) => {
      if (isGivenUp) return 'take';
      if (posts === MOST_POSTS || (posts > 0 && characters + post.content.length > MOST_CHARACTERS)) return 'stop';
      // The second of two posts with one key waits for the next batch, which returns the result of the first.
      const key = post.key === null ? null : `${post.senderId} ${post.key}`;
      if (key !== null && keys.has(key)) return 'skip';
      if (key !== null) keys.add(key);
      posts++;
      characters += post.content.length;
      return 'take';
    });
    for (const { timer } of taken) clearTimeout(timer);
    return taken.filter(({ isGivenUp }) => !isGivenUp);
  }

  async #commit(batch: Waiting[], isHealed = false): Promise<void> {
    const term = this.#options.term();
    if (term === null) return reject(batch, new NotActiveError());
    try {
      await this.#options.session.ready();
    } catch (error) {
      this.#troubledBy(error);
      return reject(batch, new Refused('unavailable', { cause: error }));
    }
    try {
      const { session, commitLimitMs } = this.#options;
      const rows = await session.query<OutcomeRow>(this.#statement(term, batch), commitLimitMs);
      this.#trouble = null;
      batch.forEach((waiting, at) => {
        settle(waiting, rows[at]);
      });
    } catch (error) {
      await this.#failed(batch, error, isHealed);
    }
  }

  #statement(term: number, batch: Waiting[]) {
    return {
      ...POST_MESSAGES,
      values: [
        term,
        this.#options.membersOnly,
        batch.map(({ post }) => post.senderId),
        batch.map(({ post }) => post.groupId),
        batch.map(({ post }) => post.content),
        batch.map(({ post }) => post.key),
      ],
    };
  }

  /** Handles a failed batch. With a SQLSTATE it has rolled back, except for 57P…: the session ended, perhaps after the commit. */
  async #failed(batch: Waiting[], error: unknown, isHealed: boolean): Promise<void> {
    if (sqlState(error) === SqlState.TERM_CLOSED) return reject(batch, new NotActiveError());
    if (isOutcomeUnknown(error)) return this.#outcomeUnknown(batch, error);
    this.#troubledBy(error);
    if (sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) return reject(batch, await this.#explain(error));
    if (isUnavailable(error)) return reject(batch, new Refused('unavailable', { cause: error }));
    if (isTakenId(error) && this.#options.heal && !isHealed) {
      await this.#options.heal();
      return this.#commit(batch, true);
    }
    const [first, second] = batch;
    // One of the posts caused the error: commit each alone, so that each gets its own result.
    if (first && !second) return reject(batch, refusalOf(error) ?? error);
    for (const waiting of batch) await this.#commit([waiting]);
  }

  async #outcomeUnknown(batch: Waiting[], error: unknown): Promise<void> {
    const { session } = this.#options;
    if (isNotReplicated(error)) {
      this.#troubledBy(error);
      return reject(batch, unknownFor(true, error));
    }
    // The new session terminates the abandoned one, and finds out what it waited for.
    await within(REOPEN_LIMIT_MS, session.ready()).catch(() => {});
    this.#troubledBy(error);
    const waitedForStandby = session.waitedForStandby;
    const latest = performance.now() - REPEAT_WITHIN_MS;
    for (const waiting of batch) {
      const { post, arrivedAt } = waiting;
      const mayRepeat = post.key !== null && ++waiting.tries < MOST_TRIES && arrivedAt > latest && !waitedForStandby;
      if (mayRepeat && this.#push(waiting)) continue;
      waiting.reject(unknownFor(waitedForStandby, error));
    }
  }
}

const TOO_SLOW = 'the database is too slow: nothing was stored, try again';

function unknownFor(waitedForStandby: boolean, cause: unknown): Refused {
  return new Refused('outcome_unknown', { cause, ...(waitedForStandby && { sentence: WAITS_FOR_STANDBY }) });
}

/** Rejects posts with `error`; those that were sent before, with outcome_unknown. */
function reject(batch: Waiting[], error: unknown): void {
  for (const waiting of batch) {
    waiting.reject(waiting.tries === 0 ? error : new Refused('outcome_unknown', { cause: error }));
  }
}

function settle({ resolve, reject }: Waiting, row: OutcomeRow | undefined): void {
  if (!row) reject(new Error('post_messages returned too few rows'));
  else if (row.outcome !== 'sent' && row.outcome !== 'repeated') reject(new Refused(row.outcome));
  else
    resolve({
      messageId: row.message_id,
      sentAt: row.sent_at,
      position: row.log_position,
      repeated: row.outcome === 'repeated',
    });
}
