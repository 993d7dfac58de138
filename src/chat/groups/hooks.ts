import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { hashOfToken, keyedToken, newSalt } from '../idempotency/keyed-token.ts';
import { memberRoleOf, OWNERS_AND_ADMINS, requireRole, requireRoleToRead } from './roles.ts';

/** A hook as its group's owners and admins see it. */
export interface Hook {
  id: number;
  name: string;
  /** The name that its messages show. */
  sender: string;
  created_by: number | null;
  created_at: string;
}

/** The hook that a token belongs to. */
export interface FoundHook {
  id: number;
  groupId: number;
  /** True if it has posted a message with this idempotency key. */
  isRepeated: boolean;
}

/** Incoming hooks: programs that have a hook's token may post to its group. The database stores only the hash of the token. */
export class Hooks {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Creates a hook and returns it with its token, which is shown only once.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner or admin, direct_chat, too_many_hooks,
   * key_reused; {NotActiveError}.
   */
  async create(
    { groupId, name, actorId }: { groupId: number; name: string; actorId: number | null },
    key: RequestKey | null,
  ): Promise<{ hook: Hook; token: string }> {
    const { salt, hook } = await idempotentWrite(this.#sequelize, this.#write, key, async (transaction) => {
      await requireRole(groupId, actorId, OWNERS_AND_ADMINS, transaction);
      const salt = newSalt();
      const [row] = await query<{ id: number }>(
        transaction,
        'SELECT plantao.add_hook($groupId, $name, $actorId, $hash) AS id',
        { groupId, name, actorId, hash: hashOfToken(keyedToken(key, salt)) },
      );
      const [hook] = await query<HookRow>(transaction, `${SELECT} WHERE h.user_id = $id`, { id: row?.id });
      if (!hook) throw new Error('the new hook was not found');
      return { salt, hook: view(hook) };
    });
    // jsonb stores fields in another order, and a repeated request must get the same text.
    const { id, name: hookName, sender, created_by, created_at } = hook;
    return { hook: { id, name: hookName, sender, created_by, created_at }, token: keyedToken(key, salt) };
  }

  /** Returns the hooks of a group that are not revoked, the oldest first. @throws {Refused} not_a_member, forbidden, group_not_found. */
  async list(groupId: number, actorId: number | null): Promise<Hook[]> {
    await requireRoleToRead(groupId, actorId, OWNERS_AND_ADMINS, this.#sequelize);
    const rows = await query<HookRow>(
      this.#sequelize,
      `${SELECT} WHERE h.group_id = $groupId AND h.revoked_at IS NULL ORDER BY h.user_id`,
      { groupId },
    );
    return rows.map(view);
  }

  /** Revokes a hook. @throws {Refused} hook_not_found, also for one of a group that the actor does not administer. */
  async revoke(hookId: number, actorId: number | null): Promise<void> {
    await this.#write(async (transaction) => {
      await lockEventLog(transaction);
      const [hook] = await query<{ group_id: number | null }>(
        transaction,
        'SELECT group_id FROM plantao.hooks WHERE user_id = $hookId AND revoked_at IS NULL',
        { hookId },
      );
      if (!hook || hook.group_id === null) throw new Refused('hook_not_found');
      const role = actorId === null ? 'owner' : await memberRoleOf(hook.group_id, actorId, transaction);
      if (role === null || role === 'member') throw new Refused('hook_not_found');
      await query(transaction, 'SELECT plantao.revoke_hook($hookId)', { hookId });
    });
  }

  /** Returns the hook of a token; `key` is the Idempotency-Key of its post. @throws {Refused} hook_not_found, hook_revoked. */
  async find(token: string, key: string | null): Promise<FoundHook> {
    const [found] = await query<{
      id: number;
      group_id: number | null;
      is_revoked: boolean;
      is_repeated: boolean;
    }>(
      this.#sequelize,
      `SELECT h.user_id AS id, h.group_id, h.revoked_at IS NOT NULL AS is_revoked,
              EXISTS (SELECT FROM plantao.idempotency_keys k WHERE k.sender_id = h.user_id AND k.key = $key) AS is_repeated
       FROM plantao.hooks h WHERE h.hash = $hash`,
      { hash: hashOfToken(token), key },
    );
    if (!found) throw new Refused('hook_not_found');
    if (found.is_revoked || found.group_id === null) throw new Refused('hook_revoked');
    return { id: found.id, groupId: found.group_id, isRepeated: found.is_repeated };
  }
}

type HookRow = Omit<Hook, 'created_at'> & { created_at: Date };

const SELECT = `SELECT h.user_id AS id, h.name, u.username AS sender, h.created_by, h.created_at
  FROM plantao.hooks h JOIN plantao.users u ON u.id = h.user_id`;

const view = ({ created_at, ...hook }: HookRow): Hook => ({ ...hook, created_at: created_at.toISOString() });
