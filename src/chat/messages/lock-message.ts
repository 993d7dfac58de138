import type { Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import { Refused } from '../errors.ts';
import { lockEventLog } from '../event-log-lock.ts';
import type { MemberRole } from '../groups/roles.ts';

/** A message that is about to be changed. */
export interface LockedMessage {
  senderId: number;
  /** The actor's role in the group of the message; null if the actor is not a member. */
  role: MemberRole | null;
}

/**
 * Locks the event log and returns the facts that decide who may change a message. They stay true until the commit. `actorId` is null
 * where callers are not authenticated (AUTH=open).
 * @throws {Refused} message_not_found.
 */
export async function lockMessage(
  messageId: number,
  actorId: number | null,
  transaction: Transaction,
): Promise<LockedMessage> {
  await lockEventLog(transaction);
  const [message] = await query<LockedMessage>(
    transaction,
    `SELECT m.sender_id AS "senderId", own.role
     FROM plantao.messages m JOIN plantao.groups g ON g.id = m.group_id AND g.deleted_at IS NULL
     LEFT JOIN plantao.memberships own ON own.group_id = m.group_id AND own.user_id = $actorId
     WHERE m.id = $messageId`,
    { messageId, actorId },
  );
  if (!message) throw new Refused('message_not_found');
  return message;
}
