import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { lockEventLogForUser, requireUser, type UserView } from '../users/users.ts';
import { requireBelowCreationLimits, requireBelowMembershipLimits } from './group-limits.ts';

/** A direct chat; `created` is true if it did not exist before. */
export interface DirectChat {
  groupId: number;
  groupName: string;
  created: boolean;
  other: UserView;
}

/** Direct chats: each pair of users has at most one. */
export class DirectChats {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Returns the direct chat of two users, and creates it if there is none. If `userId` has left it, adds that user again.
   * @throws {Refused} user_not_found, group_not_found if it was deleted before a repeated request, too_many_groups, key_reused;
   * {RateLimitedError} for too many new groups in an hour; {NotActiveError}.
   */
  async open(userId: number, otherUserId: number, key: RequestKey | null = null): Promise<DirectChat> {
    // Stored for a repeated request: without names, which would outlive a deleted account.
    const { groupId, created } = await idempotentWrite(this.#sequelize, this.#write, key, async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      await requireUser(otherUserId, transaction);
      const [row] = await query<{ group_id: number; is_new: boolean }>(
        transaction,
        'SELECT group_id, is_new FROM plantao.direct_chat($userId, $otherUserId)',
        { userId, otherUserId },
      );
      if (!row) throw new Refused('user_not_found');
      if (row.is_new) {
        await requireBelowMembershipLimits([row.group_id], [otherUserId], transaction);
        await requireBelowCreationLimits(userId, transaction);
      }
      return { groupId: row.group_id, created: row.is_new };
    });
    const [names] = await afterCommit(() =>
      query<{ name: string; username: string }>(
        this.#sequelize,
        `SELECT g.name, u.username FROM plantao.groups g, plantao.users u
         WHERE g.id = $groupId AND g.deleted_at IS NULL AND u.id = $otherUserId`,
        { groupId, otherUserId },
      ),
    );
    if (!names) throw new Refused('group_not_found');
    return { groupId, groupName: names.name, created, other: { id: otherUserId, username: names.username } };
  }
}
