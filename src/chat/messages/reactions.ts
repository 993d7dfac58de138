import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { requireStored } from '../groups/require-stored.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { lockMessage } from './lock-message.ts';

/** One reaction of a user to a message. */
export interface Reaction {
  messageId: number;
  userId: number;
  emoji: string;
}

/** Adds and removes reactions. Triggers of the database count them, check their limits and notify the group. */
export class Reactions {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Adds a reaction; does nothing if it exists. Returns how many users have it. With `membersOnly`, the user must be in the group
   * of the message.
   * @throws {Refused} message_not_found, also for other users; user_not_found, too_many_reactions, key_reused; {NotActiveError}.
   */
  async add(reaction: Reaction, membersOnly: boolean, key: RequestKey | null): Promise<number> {
    return this.#change(
      `INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($messageId, $userId, $emoji)
       ON CONFLICT DO NOTHING`,
      reaction,
      membersOnly,
      { wanted: 1, key },
    );
  }

  /** Removes a reaction; does nothing if it does not exist. Returns how many users have it. @throws as {@link add}. */
  async remove(reaction: Reaction, membersOnly: boolean): Promise<number> {
    return this.#change(
      'DELETE FROM plantao.reactions WHERE message_id = $messageId AND user_id = $userId AND emoji = $emoji',
      reaction,
      membersOnly,
      { wanted: 0, key: null },
    );
  }

  async #change(
    statement: string,
    { messageId, userId, emoji }: Reaction,
    membersOnly: boolean,
    { wanted, key }: { wanted: number; key: RequestKey | null },
  ): Promise<number> {
    const change = async (transaction: Transaction) => {
      const { role } = await lockMessage(messageId, userId, transaction);
      if (membersOnly && role === null) throw new Refused('message_not_found');
      await query(transaction, statement, { messageId, userId, emoji });
      const [{ count, stored } = { count: 0, stored: 0 }] = await query<{ count: number; stored: number }>(
        transaction,
        `SELECT coalesce((SELECT count FROM plantao.reaction_counts WHERE message_id = $messageId AND emoji = $emoji), 0) AS count,
           (SELECT count(*)::integer FROM plantao.reactions
            WHERE message_id = $messageId AND user_id = $userId AND emoji = $emoji) AS stored`,
        { messageId, userId, emoji },
      );
      await requireStored(stored, wanted, 'reactions', transaction);
      // A DBA may have removed the count.
      return Math.max(count, stored);
    };
    return idempotentWrite(this.#sequelize, this.#write, key, change);
  }
}
