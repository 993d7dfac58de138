/**
 * Stores posts. Those that arrive during a commit are committed together by the next one: one SQL call, one commit and one
 * NOTIFY (plantao.post_messages). NOTIFY takes a lock at commit that all sessions share, so one NOTIFY per message would limit the
 * throughput. The load determines the size of a batch; a single post is committed at once, and no delay is ever added.
 *
 * A post resolves after its commit, never before. If the connection breaks during a commit, its outcome is unknown: posts with
 * an idempotency key are then sent again (the key makes that safe), and the others are rejected with outcome_unknown.
 */

import { withTimeout } from '../../async/with-timeout.ts';
import { BlockedError, type ToBlockedError } from '../../database/checks/blocking.ts';
import {
  isCancelled,
  isNotReplicated,
  isOutcomeUnknown,
  isRaised,
  isRefusedByDatabase,
  isUnavailable,
  SqlState,
  sqlState,
} from '../../database/errors.ts';
import { NotActiveError } from '../../database/writes/fenced-write.ts';
import { isTakenId } from '../../database/writes/sequences.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import { refusalOf } from '../constraints.ts';
import { Refused } from '../errors.ts';
import { confirmReplicated, type Replication } from './confirm-replicated.ts';
import { type LockedPart, LockedParts, lockedPart, needsTable } from './locked-parts.ts';
import type { Post, Posted } from './post.ts';
import { outcomeOf } from './post-outcome.ts';
import { PostQueue, QueuedPost } from './post-queue.ts';
import { failAll, maybeStored, notStored, settleAll } from './post-results.ts';
import { type OutcomeRow, postStatement } from './post-statement.ts';
import { isRefusedByLog, WriterHealth, type WriterSession } from './writer-health.ts';

/** Options of {@link MessageWriter}. */
export interface MessageWriterOptions extends Replication {
  session: WriterSession;
  /** Called when PostgreSQL refused a commit because the term of `token` is closed. */
  onTermRefused?(token: number): void;
  /** Repairs the sequences after a message's id was taken; the batch is then sent again. */
  repairSequences?(): Promise<void>;
  /** True if only members may post. */
  membersOnly: boolean;
  /** Timeout of a commit: the delay of posts on a half-open connection. */
  commitLimitMs: number;
  toBlockedError?: ToBlockedError;
  measurements?: Measurements;
}

const MAX_TRIES = 3;
/** A post may be sent again for this long after its arrival, in milliseconds. */
const MAX_RETRY_AGE_MS = 4000;

/** Stores messages in batches: see the head of this file. */
export class MessageWriter {
  readonly #options: MessageWriterOptions;
  readonly #toBlockedError: ToBlockedError;
  readonly #queue = new PostQueue();
  readonly #health: WriterHealth;
  readonly #locked = new LockedParts();
  #pumping: Promise<void> | null = null;
  /** True if a probe must run before the next commit: otherwise failing posts could delay it forever. */
  #isProbeWanted = false;

  constructor(options: MessageWriterOptions) {
    this.#options = options;
    this.#toBlockedError = options.toBlockedError ?? (async (cause) => new BlockedError([], { cause }));
    this.#health = new WriterHealth(options.session, options.commitLimitMs);
  }

  /** The number of posts that wait for the next commit. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The same as {@link WriterHealth.problem}. */
  get problem(): string | null {
    return this.#health.problem;
  }

  /** Checks whether posts can be stored ({@link WriterHealth.probe}), before the next commit. Does nothing if that is known. */
  probe(): void {
    if (!this.#health.needsProbe || !this.#health.isProbeDue) return;
    this.#isProbeWanted = true;
    this.#pumping ??= this.#pump();
  }

  /**
   * Stores a message; resolves after the commit. With `mustReplicate`, resolves once the synchronous standbys have flushed it.
   * @throws {Refused} user_not_found, group_not_found, not_a_member, group_archived, account_deleted, reply_not_found, hook_revoked,
   * key_reused, overloaded, unavailable (not stored), not_replicated (not stored, or stored on the primary only) or outcome_unknown;
   * {BlockedError} if another transaction holds a lock (not stored); {NotActiveError} if this node is not active (not stored).
   */
  async post(post: Post): Promise<Posted> {
    const { measurements } = this.#options;
    try {
      const posted = await this.#enqueue(post);
      if (post.mustReplicate) await confirmReplicated(this.#options);
      measurements?.countPost(posted.repeated ? 'repeated' : 'stored');
      return posted;
    } catch (error) {
      measurements?.countPost(outcomeOf(error));
      throw error;
    }
  }

  #enqueue(post: Post): Promise<Posted> {
    return new Promise((resolve, reject) => {
      if (!this.#queue.push(new QueuedPost(post, resolve, reject))) return reject(new Refused('overloaded'));
      this.#pumping ??= this.#pump();
    });
  }

  /** Resolves when no post waits, or after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    await withTimeout(limitMs, this.#pumping ?? Promise.resolve(), () => {});
  }

  async #pump(): Promise<void> {
    for (;;) {
      if (this.#isProbeWanted) {
        this.#isProbeWanted = false;
        if (this.#health.needsProbe) await this.#health.probe();
      }
      if (this.#queue.size === 0) break;
      const batch = this.#queue.takeBatch();
      if (batch.length > 0) await this.#commit(batch);
    }
    this.#pumping = null;
  }

  /** Commits these posts, except those that need what another session has locked. `isRepaired`: a batch is repaired only once. */
  async #commit(posts: QueuedPost[], isRepaired = false): Promise<void> {
    const batch = this.#withoutLocked(posts);
    if (batch.length === 0) return;
    const token = this.#options.fencingToken();
    if (token === null) return failAll(batch, new NotActiveError());
    try {
      await this.#options.session.ready();
    } catch (error) {
      this.#health.cannotCommit(error);
      return failAll(batch, isRefusedByDatabase(error) ? error : notStored(error));
    }
    try {
      settleAll(batch, await this.#store(batch, token));
    } catch (error) {
      if (sqlState(error) !== SqlState.TERM_CLOSED) return this.#failed(batch, error, isRepaired);
      this.#options.onTermRefused?.(token);
      failAll(batch, new NotActiveError());
    }
  }

  #withoutLocked(posts: readonly QueuedPost[]): QueuedPost[] {
    return posts.filter((queued) => {
      const locked = this.#locked.errorOf(queued.post);
      if (locked) queued.fail(locked);
      return !locked;
    });
  }

  async #store(batch: readonly QueuedPost[], token: number): Promise<OutcomeRow[]> {
    const { session, membersOnly, commitLimitMs, measurements } = this.#options;
    const startedAt = performance.now();
    const rows = await session.query<OutcomeRow>(postStatement(token, membersOnly, batch), commitLimitMs);
    this.#health.succeeded();
    measurements?.committed(batch.length, performance.now() - startedAt);
    return rows;
  }

  /** Handles a failed batch. With a SQLSTATE it was rolled back, unless the session ended: then it may have been committed. */
  async #failed(batch: QueuedPost[], error: unknown, isRepaired: boolean): Promise<void> {
    if (isOutcomeUnknown(error)) return this.#outcomeUnknown(batch, error);
    const part = lockedPart(error);
    if (part === 'users' || part === 'groups') return this.#waitedForRow(batch, part, error);
    if (part) return this.#waitedForTable(batch, part, error);
    if (!isRepaired && (await this.#repair(error))) return this.#commit(batch, true);
    this.#health.failed(error);
    const isAlone = batch.length === 1;
    if (!isAlone && (isCancelled(error) || isRaised(error))) return this.#commitEach(batch, notStored(error));
    if (sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) return failAll(batch, await this.#toBlockedError(error));
    if (isUnavailable(error)) return failAll(batch, notStored(error));
    if (isAlone || isRefusedByLog(error)) return failAll(batch, refusalOf(error) ?? error);
    // One of the posts caused the error.
    await this.#commitEach(batch, notStored(error));
  }

  /** Returns true if the cause of the error is gone, so that the same batch can be committed. */
  async #repair(error: unknown): Promise<boolean> {
    // A function of the database has changed default_transaction_isolation: the session sets it back before its next statement.
    if (sqlState(error) === SqlState.WRONG_ISOLATION) return true;
    const { repairSequences } = this.#options;
    if (!isTakenId(error) || !repairSequences) return false;
    await repairSequences();
    return true;
  }

  /** Handles a batch of which one post waited for the row of its sender or group, which another session has locked. */
  async #waitedForRow(batch: QueuedPost[], part: 'users' | 'groups', error: unknown): Promise<void> {
    const [first, second] = batch;
    if (first && !second) {
      this.#locked.add(part, first.post);
      // Not awaited: the next posts need not wait until the blocking session, which the log names, is found.
      void this.#toBlockedError(error).then((blocked) => first.fail(blocked));
      return;
    }
    // Each further locked row costs as long a wait as the first, with the event log locked.
    await this.#commitEach(batch, new BlockedError([], { cause: error }));
  }

  /** Commits each post alone, so that each gets its own result; those that are too old by then get `tooOld`. */
  async #commitEach(batch: QueuedPost[], tooOld: Error): Promise<void> {
    for (const queued of batch) {
      if (performance.now() - queued.arrivedAt > MAX_RETRY_AGE_MS) queued.fail(tooOld);
      else await this.#commit([queued]);
    }
  }

  /** Handles a batch that waited for a table which not all of its posts need: the others are committed at once. */
  async #waitedForTable(batch: QueuedPost[], table: Exclude<LockedPart, 'users' | 'groups'>, error: unknown) {
    const needing = batch.filter(({ post }) => needsTable(post, table));
    const [first] = needing;
    if (!first) return failAll(batch, await this.#toBlockedError(error));
    this.#locked.add(table, first.post);
    // Not awaited: only the error of these posts, and the log, name the blocking session.
    void this.#toBlockedError(error).then((explained) => failAll(needing, explained));
    await this.#commit(batch.filter(({ post }) => !needsTable(post, table)));
  }

  async #outcomeUnknown(batch: QueuedPost[], error: unknown): Promise<void> {
    if (isNotReplicated(error)) {
      this.#health.failed(error);
      for (const { post, reject } of batch) reject(maybeStored(post, true, error));
      return;
    }
    await this.#health.reopen();
    this.#health.failed(error);
    const { waitedForStandby } = this.#options.session;
    const latest = performance.now() - MAX_RETRY_AGE_MS;
    for (const queued of batch) {
      const isRepeatable = queued.post.key !== null && ++queued.tries < MAX_TRIES && queued.arrivedAt > latest;
      if (isRepeatable && !waitedForStandby && this.#queue.push(queued)) continue;
      queued.reject(maybeStored(queued.post, waitedForStandby, error));
    }
  }
}
