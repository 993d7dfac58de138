import { QueryTypes, type Sequelize } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';

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
   * Adds a reaction; does nothing if it is there. Returns how many users have it.
   * @throws {Refused} message_not_found, user_not_found, too_many_reactions.
   */
  async add(reaction: Reaction): Promise<number> {
    return this.#change(
      `INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($messageId, $userId, $emoji)
       ON CONFLICT DO NOTHING`,
      reaction,
    );
  }

  /** Removes a reaction; does nothing if it is not there. Returns how many users have it. */
  async remove(reaction: Reaction): Promise<number> {
    return this.#change(
      'DELETE FROM plantao.reactions WHERE message_id = $messageId AND user_id = $userId AND emoji = $emoji',
      reaction,
    );
  }

  async #change(statement: string, { messageId, userId, emoji }: Reaction): Promise<number> {
    return this.#write(async (transaction) => {
      await this.#sequelize.query(statement, { bind: { messageId, userId, emoji }, transaction });
      const [row] = await this.#sequelize.query<{ count: number }>(
        'SELECT count FROM plantao.reaction_counts WHERE message_id = $messageId AND emoji = $emoji',
        { bind: { messageId, emoji }, type: QueryTypes.SELECT, transaction },
      );
      return row?.count ?? 0;
    });
  }
}
