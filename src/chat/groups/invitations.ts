import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import { epochMs, timeOfEpoch } from '../../database/sql/timestamps.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { actAs } from '../act-as.ts';
import { Refused } from '../errors.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { hashOfToken, keyedToken, newSalt } from '../idempotency/keyed-token.ts';
import { lockEventLogForUser } from '../users/users.ts';
import { requireBelowMembershipLimits } from './group-limits.ts';
import { requireMembers } from './require-stored.ts';
import { OWNERS_AND_ADMINS, requireRole, requireRoleToRead } from './roles.ts';

/** A new invitation; its token is shown only once. */
export interface Invitation {
  token: string;
  /** In ISO 8601. */
  expiresAt: string;
}

/** An invitation that is still valid. Times are in ISO 8601. */
export interface OpenInvitation {
  id: string;
  created_at: string;
  expires_at: string;
  uses_left: number;
  /** The name of its creator; null with AUTH=open. */
  created_by: string | null;
}

/** Enough of a token's hash to tell the invitations of a group apart. It cannot be used to join. */
const INVITATION_ID = "encode(substr(i.hash, 1, 12), 'hex')";

interface InvitedGroup {
  id: number;
  name: string;
  is_in: boolean;
  is_removed: boolean;
}

/** Maximum number of invitations kept for a group. If there are more, expired and old ones are deleted first. */
const MAX_INVITATIONS = 100;
/** Length of a token: 256 random bits in base64url. */
export const INVITATION_LENGTH = 43;

/** Invitation links: users who have the token may join the group. The database stores only the hash of the token. */
export class Invitations {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Creates an invitation that is valid for `hours` hours and for `uses` users.
   * @throws {Refused} group_not_found, not_a_member, forbidden unless the actor is an owner or admin, direct_chat, key_reused;
   * {NotActiveError}.
   */
  async create(
    { groupId, actorId, hours, uses }: { groupId: number; actorId: number | null; hours: number; uses: number },
    key: RequestKey | null = null,
  ): Promise<Invitation> {
    const { salt, expiresAt } = await idempotentWrite(this.#sequelize, this.#write, key, async (transaction) => {
      const salt = newSalt();
      await requireRole(groupId, actorId, OWNERS_AND_ADMINS, transaction);
      const [row] = await query<{ expires_ms: string }>(
        transaction,
        `INSERT INTO plantao.invitations (hash, group_id, created_by, expires_at, uses_left)
         VALUES ($hash, $groupId, $actorId, clock_timestamp() + make_interval(hours => $hours::int), $uses)
         RETURNING ${epochMs('expires_at')} AS expires_ms`,
        { hash: hashOfToken(keyedToken(key, salt)), groupId, actorId, hours, uses },
      );
      await query(
        transaction,
        `DELETE FROM plantao.invitations WHERE hash IN (
           SELECT hash FROM plantao.invitations WHERE group_id = $groupId
           ORDER BY expires_at > clock_timestamp() DESC, created_at DESC OFFSET $maxKept)`,
        { groupId, maxKept: MAX_INVITATIONS },
      );
      if (!row) throw new Error('the new invitation was not returned');
      return { salt, expiresAt: timeOfEpoch(row.expires_ms).toISOString() };
    });
    return { token: keyedToken(key, salt), expiresAt };
  }

  /**
   * Returns the invitations that are still valid, newest first, without their tokens, which are not stored.
   * @throws {Refused} not_a_member, forbidden unless the actor is an owner or admin, group_not_found.
   */
  async list(groupId: number, actorId: number | null): Promise<OpenInvitation[]> {
    await requireRoleToRead(groupId, actorId, OWNERS_AND_ADMINS, this.#sequelize);
    const rows = await query<
      Omit<OpenInvitation, 'created_at' | 'expires_at'> & { created_at: Date; expires_at: Date }
    >(
      this.#sequelize,
      `SELECT ${INVITATION_ID} AS id, i.created_at, i.expires_at, i.uses_left, u.username AS created_by
       FROM plantao.invitations i LEFT JOIN plantao.users u ON u.id = i.created_by
       WHERE i.group_id = $groupId AND i.expires_at > clock_timestamp() AND i.uses_left > 0
       ORDER BY i.created_at DESC`,
      { groupId },
    );
    return rows.map(({ created_at, expires_at, ...rest }) => ({
      ...rest,
      created_at: created_at.toISOString(),
      expires_at: expires_at.toISOString(),
    }));
  }

  /** Returns the group of an invitation with which a user may join now. @throws {Refused} invitation_not_found. */
  async check(token: string): Promise<{ name: string; expiresAt: string }> {
    const [found] = await query<{ name: string; expires_at: Date }>(
      this.#sequelize,
      `SELECT g.name, i.expires_at FROM plantao.invitations i JOIN plantao.groups g ON g.id = i.group_id
       WHERE i.hash = $hash AND i.expires_at > clock_timestamp() AND i.uses_left > 0 AND g.deleted_at IS NULL`,
      { hash: hashOfToken(token) },
    );
    if (!found) throw new Refused('invitation_not_found');
    return { name: found.name, expiresAt: found.expires_at.toISOString() };
  }

  /**
   * Revokes the invitations of a group, or one of them, and returns how many.
   * @throws {Refused} as {@link create}; invitation_not_found if that one does not exist.
   */
  async revoke(groupId: number, actorId: number | null, invitationId: string | null = null): Promise<number> {
    return this.#write(async (transaction) => {
      await requireRole(groupId, actorId, OWNERS_AND_ADMINS, transaction);
      const revoked = await query(
        transaction,
        `DELETE FROM plantao.invitations i WHERE i.group_id = $groupId
           AND ($invitationId::text IS NULL OR ${INVITATION_ID} = $invitationId) RETURNING i.hash`,
        { groupId, invitationId },
      );
      if (invitationId !== null && revoked.length === 0) throw new Refused('invitation_not_found');
      return revoked.length;
    });
  }

  /**
   * Adds the user to the group of an invitation, and returns the group's id and name. A user who is a member already uses up nothing.
   * @throws {Refused} user_not_found, invitation_not_found also if it has expired or is used up, removed_from_group, group_full,
   * too_many_groups, key_reused; {NotActiveError}.
   */
  async accept(token: string, userId: number, key: RequestKey | null = null): Promise<{ id: number; name: string }> {
    return idempotentWrite(this.#sequelize, this.#write, key, async (transaction) => {
      await lockEventLogForUser(userId, transaction);
      const [found] = await query<InvitedGroup>(
        transaction,
        `SELECT g.id, g.name,
                EXISTS (SELECT FROM plantao.memberships WHERE group_id = g.id AND user_id = $userId) AS is_in,
                EXISTS (SELECT FROM plantao.departures WHERE group_id = g.id AND user_id = $userId AND removed) AS is_removed
         FROM plantao.invitations i JOIN plantao.groups g ON g.id = i.group_id
         WHERE i.hash = $hash AND i.expires_at > clock_timestamp() AND g.deleted_at IS NULL`,
        { hash: hashOfToken(token), userId },
      );
      if (!found) throw new Refused('invitation_not_found');
      const { id, name, is_in: isIn, is_removed: isRemoved } = found;
      if (isIn) return { id, name };
      if (isRemoved) throw new Refused('removed_from_group');
      // It may have been revoked since it was read.
      const used = await query(
        transaction,
        'UPDATE plantao.invitations SET uses_left = uses_left - 1 WHERE hash = $hash AND uses_left > 0 RETURNING uses_left',
        { hash: hashOfToken(token) },
      );
      if (used.length === 0) throw new Refused('invitation_not_found');
      await actAs(userId, transaction);
      await query(transaction, 'INSERT INTO plantao.memberships (group_id, user_id) VALUES ($id, $userId)', {
        id,
        userId,
      });
      await requireMembers([id], [userId], transaction);
      await requireBelowMembershipLimits([id], [userId], transaction);
      return { id, name };
    });
  }
}
