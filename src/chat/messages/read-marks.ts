import { QueryTypes, type Sequelize } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';
import { BatchLoader } from '../batch-loader.ts';
import { Refused } from '../errors.ts';

/** The last message that a user has read in a group. */
export interface ReadMark {
  userId: number;
  groupId: number;
  messageId: number;
}

interface MarkRow {
  of_user: number;
  of_group: number;
  read_to: number;
}

/** Marks per commit. */
const MOST_MARKS = 256;

const keyOf = (userId: number, groupId: number) => `${userId} ${groupId}`;

/**
 * Moves read marks. Marks that arrive during a commit are stored together by the next one: after each message, every reader of
 * a group sends one. A trigger of the database notifies the other devices of the user.
 */
export class ReadMarks {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #batches = new BatchLoader<string, number>();
  readonly #wanted = new Map<string, ReadMark>();
  #isStoring = false;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Moves a mark forward, at most to the newest message of the group. Returns the mark's message, which is a later one if the mark
   * was there before.
   * @throws {Refused} not_a_member; {NotActiveError}.
   */
  mark(mark: ReadMark): Promise<number> {
    const key = keyOf(mark.userId, mark.groupId);
    const messageId = Math.max(mark.messageId, this.#wanted.get(key)?.messageId ?? 0);
    this.#wanted.set(key, { ...mark, messageId });
    const stored = this.#batches.load(key);
    if (!this.#isStoring) void this.#storeAll();
    return stored;
  }

  async #storeAll(): Promise<void> {
    this.#isStoring = true;
    while (this.#batches.size > 0) await this.#batches.readBatch(MOST_MARKS, (keys) => this.#store(keys));
    this.#isStoring = false;
  }

  async #store(keys: string[]): Promise<(key: string) => number> {
    const marks = keys.flatMap((key) => this.#wanted.get(key) ?? []);
    for (const key of keys) this.#wanted.delete(key);
    const rows = await this.#write((transaction) =>
      this.#sequelize.query<MarkRow>(
        'SELECT * FROM plantao.mark_read($users::bigint[], $groups::bigint[], $messages::bigint[])',
        {
          bind: {
            users: marks.map(({ userId }) => userId),
            groups: marks.map(({ groupId }) => groupId),
            messages: marks.map(({ messageId }) => messageId),
          },
          type: QueryTypes.SELECT,
          transaction,
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
}
