import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';
import { idempotentWrite, type RequestKey } from '../idempotent-write.ts';

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
   * Adds a reaction; does nothing if it exists. Returns how many users have it. `check` runs before, except for a repeated
   * request.
   * @throws {Refused} message_not_found, user_not_found, too_many_reactions, key_reused; {NotActiveError}; the errors of `check`.
   */
  async add(reaction: Reaction, key: RequestKey | null, check: () => Promise<void>): Promise<number> {
    return this.#change(
      `INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($messageId, $userId, $emoji)
       ON CONFLICT DO NOTHING`,
      reaction,
      key,
      check,
    );
  }

  /** Removes a reaction; does nothing if it does not exist. Returns how many users have it. @throws {NotActiveError}. */
  async remove(reaction: Reaction): Promise<number> {
    return this.#change(
      'DELETE FROM plantao.reactions WHERE message_id = $messageId AND user_id = $userId AND emoji = $emoji',
      reaction,
    );
  }

  async #change(
    statement: string,
    { messageId, userId, emoji }: Reaction,
    key: RequestKey | null = null,
    check?: () => Promise<void>,
  ): Promise<number> {
    const change = async (transaction: Transaction) => {
      await this.#sequelize.query(statement, { bind: { messageId, userId, emoji }, transaction });
      const [row] = await this.#sequelize.query<{ count: number }>(
        'SELECT count FROM plantao.reaction_counts WHERE message_id = $messageId AND emoji = $emoji',
        { bind: { messageId, emoji }, type: QueryTypes.SELECT, transaction },
      );
      return row?.count ?? 0;
    };
    return idempotentWrite(this.#sequelize, this.#write, key, change, check);
  }
}
