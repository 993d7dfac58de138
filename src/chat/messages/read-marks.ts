import { setTimeout as sleep } from 'node:timers/promises';
import type { Sequelize } from 'sequelize';
import { BatchLoader } from '../../async/batch-loader.ts';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';

/** The last message that a user has read in a group. */
export interface ReadMark {
  userId: number;
  groupId: number;
  messageId: number;
}

/** The read marks of a group, as one of its members may see them. */
export interface GroupMarks {
  showsReads: boolean;
  /** The marks of all members if the group shows reads, otherwise only that of the requesting member. */
  marks: { userId: number; messageId: number }[];
}

interface MarkRow {
  of_user: number;
  of_group: number;
  read_to: number;
}

/** Marks per commit. */
const MAX_MARKS = 256;

/**
 * The shortest time between two stored marks of one user in one group, in milliseconds. A client that scrolls sends many: those
 * within the interval are stored as one mark, and their requests wait for it.
 */
const MIN_INTERVAL_MS = 500;

const keyOf = (userId: number, groupId: number) => `${userId} ${groupId}`;

/**
 * Moves read marks. Marks that arrive during a commit are stored together by the next one: after each message, every reader of
 * a group sends one. A trigger of the database notifies the other devices of the user, and the members of a group that shows
 * reads.
 */
export class ReadMarks {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #minIntervalMs: number;
  readonly #batches = new BatchLoader<string, number>();
  readonly #wanted = new Map<string, ReadMark>();
  /** Marks that wait for {@link MIN_INTERVAL_MS} to pass. */
  readonly #later = new Map<string, Promise<number>>();
  /** The times at which marks began to be stored, within the last {@link MIN_INTERVAL_MS}, the oldest first, by the monotonic clock. */
  readonly #storeStartedAt = new Map<string, number>();
  #isStoring = false;

  constructor(sequelize: Sequelize, write: Write, minIntervalMs = MIN_INTERVAL_MS) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#minIntervalMs = minIntervalMs;
  }

  /**
   * Moves a mark forward, at most to the newest message of the group, and never back. Returns the message of the mark now: a later
   * one than requested if the mark was already there.
   * @throws {Refused} not_a_member; {NotActiveError}.
   */
  mark(mark: ReadMark): Promise<number> {
    const key = keyOf(mark.userId, mark.groupId);
    const messageId = Math.max(mark.messageId, this.#wanted.get(key)?.messageId ?? 0);
    this.#wanted.set(key, { ...mark, messageId });
    // Also if the interval is over but its timer has not run yet: if this mark were stored now, the timer would find none to store.
    const waiting = this.#later.get(key);
    if (waiting) return waiting;
    const waitMs =
      (this.#storeStartedAt.get(key) ?? Number.NEGATIVE_INFINITY) + this.#minIntervalMs - performance.now();
    if (waitMs <= 0) return this.#storeSoon(key);
    const stored = this.#storeLater(key, waitMs);
    this.#later.set(key, stored);
    return stored;
  }

  /** Returns the read marks that a member of a group may see. @throws {Refused} not_a_member. */
  async of(groupId: number, userId: number): Promise<GroupMarks> {
    const rows = await query<{ user_id: number; last_read_id: number; shows_reads: boolean }>(
      this.#sequelize,
      `SELECT m.user_id, m.last_read_id, g.shows_reads
       FROM plantao.memberships own JOIN plantao.groups g ON g.id = own.group_id
       JOIN plantao.memberships m ON m.group_id = g.id AND (g.shows_reads OR m.user_id = own.user_id)
       WHERE own.group_id = $groupId AND own.user_id = $userId ORDER BY m.user_id`,
      { groupId, userId },
    );
    const [first] = rows;
    if (!first) throw new Refused('not_a_member');
    const marks = rows.map(({ user_id, last_read_id }) => ({ userId: user_id, messageId: last_read_id }));
    return { showsReads: first.shows_reads, marks };
  }

  async #storeLater(key: string, waitMs: number): Promise<number> {
    await sleep(waitMs);
    this.#later.delete(key);
    return this.#storeSoon(key);
  }

  #storeSoon(key: string): Promise<number> {
    const stored = this.#batches.enqueue(key);
    if (!this.#isStoring) void this.#storeAll();
    return stored;
  }

  async #storeAll(): Promise<void> {
    this.#isStoring = true;
    while (this.#batches.size > 0) await this.#batches.runBatch(MAX_MARKS, (keys) => this.#store(keys));
    this.#isStoring = false;
  }

  async #store(keys: string[]): Promise<(key: string) => number> {
    const marks = keys.flatMap((key) => this.#wanted.get(key) ?? []);
    for (const key of keys) this.#wanted.delete(key);
    // Before the commit, so that marks which arrive during it wait too.
    this.#noteStoreStarted(keys);
    const rows = await this.#write((transaction) =>
      query<MarkRow>(
        transaction,
        'SELECT * FROM plantao.mark_read($users::bigint[], $groups::bigint[], $messages::bigint[])',
        {
          users: marks.map(({ userId }) => userId),
          groups: marks.map(({ groupId }) => groupId),
          messages: marks.map(({ messageId }) => messageId),
        },
      ),
    );
    const stored = new Map(rows.map((row) => [keyOf(row.of_user, row.of_group), row.read_to]));
    return (key) => {
      const readTo = stored.get(key);
      if (readTo === undefined) throw new Refused('not_a_member');
      return readTo;
    };
  }

  #noteStoreStarted(keys: readonly string[]): void {
    const now = performance.now();
    for (const key of keys) {
      this.#storeStartedAt.delete(key);
      this.#storeStartedAt.set(key, now);
    }
    for (const [key, at] of this.#storeStartedAt) {
      if (now - at < this.#minIntervalMs) break;
      this.#storeStartedAt.delete(key);
    }
  }
}
