import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../database/query.ts';
import type { Write } from '../database/writes/fenced-write.ts';
import { idempotentWrite, type RequestKey } from './idempotency/idempotent-write.ts';

/** Sends a notification to every client, or to the topic and all groups that have a given name (plantao.notify_group). */
export class Notifications {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Appends a notification and returns its position in the event log. With `senderId`, it reaches only groups that this user is in.
   * A repeated request with the same key returns the position of the first and appends nothing. For a request that is not a repeat,
   * `enforceLimits` runs first.
   * @throws {Refused} too_large, key_reused; {NotActiveError}; the errors of `enforceLimits`.
   */
  async notify(
    name: string,
    payload: unknown,
    senderId: number | null,
    key: RequestKey | null = null,
    enforceLimits: () => Promise<void> = async () => {},
  ): Promise<number> {
    const append = async (transaction: Transaction) => {
      const [row] = await query<{ position: number }>(
        transaction,
        'SELECT plantao.notify_group($name, $payload::jsonb, $senderId) AS position',
        { name, payload: payload === undefined ? null : JSON.stringify(payload), senderId },
      );
      if (!row) throw new Error('notify_group returned no position');
      return row.position;
    };
    return idempotentWrite(this.#sequelize, this.#write, key, append, enforceLimits);
  }
}
