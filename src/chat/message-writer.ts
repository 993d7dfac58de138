/**
 * Posting: messages that arrive while the last commit is under way go together, as one SQL call, one commit and one
 * NOTIFY (plantao.post_messages). NOTIFY takes a database-wide lock at commit, so one a message would be the ceiling.
 * The batch is as large as the load makes it; a lone post goes at once, no wait is ever added.
 *
 * A post is answered after its commit, never before. When the connection breaks under a commit nobody can say whether it
 * took place: a post with an idempotency key is then sent again here (the key makes that safe), one without is told so.
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
import { NotOnDutyError } from '../database/fenced-write.ts';
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

/** A message that is stored, or was under the same key before. */
export interface Posted {
  messageId: number;
  sentAt: Date;
  /** Its event's position in the log. */
  position: number;
  repeated: boolean;
}

/** What the writer needs. */
export interface MessageWriterOptions {
  session: Pick<ReconnectingSession, 'ready' | 'query' | 'waitedForStandby'>;
  /** The term this node is on duty for, read at each commit. */
  term: () => number | null;
  /** Called when a message's id was taken; the batch is sent again after it. */
  heal?(): Promise<void>;
  /** True where only members may post. */
  membersOnly: boolean;
  /** How long a commit may take; what a half-open socket costs its posts. */
  commitLimitMs: number;
  /** Names what a lock was refused for. */
  explain?: Explain;
}

/** Posts that may wait: at some 10,000 posts a second, half a second of work. */
const CAPACITY = 5000;
/** Posts and characters a commit: more adds latency to all of them and no throughput that was measured. */
const MOST_POSTS = 256;
const MOST_CHARACTERS = 1024 * 1024;
const MOST_TRIES = 3;
/** How long a post may wait for its commit to begin, and until when after its arrival it may be sent again; milliseconds. */
const QUEUE_LIMIT_MS = 3000;
const REPEAT_WITHIN_MS = 4000;
/** To find out why a commit was not answered. */
const REOPEN_LIMIT_MS = 1000;

const PROBE_EVERY_MS = 2000;
/** A record in the log of PostgreSQL: its commit takes what a post's does. */
const PROBE = { name: 'probe', text: "SELECT pg_logical_emit_message(true, 'plantao', '')" };

const POST_MESSAGES = {
  name: 'post_messages',
  text: `SELECT outcome, message_id, sent_at, log_position
         FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])`,
};
/** For the writer's session when it is opened: stores nothing, and makes the first post as quick as the next. */
export const WARM_UP_POST = { ...POST_MESSAGES, values: [null, false, [], [], [], []] };

interface Waiting {
  post: Post;
  tries: number;
  arrivedAt: number;
  /** Ends its wait in the queue; undefined while it is being committed. */
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

  /** How many posts wait for the next commit. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Why the last commit failed, for whatever is not the fault of the post; null after one that did not. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Commits something that nobody sees, unless posts are at work or it was done lately: whether {@link trouble} is over. */
  probe(): void {
    if (this.#pumping || performance.now() - this.#probedAt < PROBE_EVERY_MS) return;
    this.#pumping = this.#probe().then(() => this.#pump());
  }

  /**
   * Stores a message; resolves after the commit.
   * @throws {Refused} user_not_found, group_not_found, not_a_member, key_reused, overloaded, unavailable (not stored) or
   * outcome_unknown; {BlockedError} where another transaction is in the way (not stored); {NotOnDutyError} where this node
   * is not on duty (not stored).
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

  /** Resolves when nothing waits any more, or after `limitMs`. */
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
    // Of a value or a row: the post's own.
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
      // The second of two posts with one key waits for the next batch, where it finds the first one's answer.
      const key = post.key === null ? null : `${post.senderId} ${post.key}`;
      if (key !== null && keys.has(key)) return 'pass';
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
    if (term === null) return reject(batch, new NotOnDutyError());
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

  /** A failed batch. With a SQLSTATE it has rolled back, except for 57P…: the session was ended, perhaps after the commit. */
  async #failed(batch: Waiting[], error: unknown, isHealed: boolean): Promise<void> {
    if (sqlState(error) === SqlState.TERM_CLOSED) return reject(batch, new NotOnDutyError());
    if (isOutcomeUnknown(error)) return this.#outcomeUnknown(batch, error);
    this.#troubledBy(error);
    if (sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) return reject(batch, await this.#explain(error));
    if (isUnavailable(error)) return reject(batch, new Refused('unavailable', { cause: error }));
    if (isTakenId(error) && this.#options.heal && !isHealed) {
      await this.#options.heal();
      return this.#commit(batch, true);
    }
    const [first, second] = batch;
    // Something about one of them that the checks before did not see: alone, each gets its own answer.
    if (first && !second) return reject(batch, refusalOf(error) ?? error);
    for (const waiting of batch) await this.#commit([waiting]);
  }

  async #outcomeUnknown(batch: Waiting[], error: unknown): Promise<void> {
    const { session } = this.#options;
    if (isNotReplicated(error)) {
      this.#troubledBy(error);
      return reject(batch, unknownFor(true, error));
    }
    // The next session ends the one that was given up, and learns what it waited for.
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

const TOO_SLOW = 'the database is too slow now: nothing was stored, try again';

function unknownFor(waitedForStandby: boolean, cause: unknown): Refused {
  return new Refused('outcome_unknown', { cause, ...(waitedForStandby && { sentence: WAITS_FOR_STANDBY }) });
}

/** Refuses what was never sent; of a post whose answer was lost before, nobody knows whether it is stored. */
function reject(batch: Waiting[], error: unknown): void {
  for (const waiting of batch) {
    waiting.reject(waiting.tries === 0 ? error : new Refused('outcome_unknown', { cause: error }));
  }
}

function settle({ resolve, reject }: Waiting, row: OutcomeRow | undefined): void {
  if (!row) reject(new Error('post_messages gave too few outcomes'));
  else if (row.outcome !== 'sent' && row.outcome !== 'repeated') reject(new Refused(row.outcome));
  else
    resolve({
      messageId: row.message_id,
      sentAt: row.sent_at,
      position: row.log_position,
      repeated: row.outcome === 'repeated',
    });
}
