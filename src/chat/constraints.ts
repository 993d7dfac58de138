import { constraintOf } from '../database/errors.ts';
import { type RefusalCode, Refused } from './errors.ts';

/**
 * The refusal for each constraint that a request can violate: the same as that of the check before the statement. A
 * group may be deleted between the check and the insert of a message, or in psql at any time.
 */
const refusals: Record<string, RefusalCode> = {
  messages_group_id_fkey: 'group_not_found',
  messages_sender_id_fkey: 'user_not_found',
  memberships_group_id_fkey: 'group_not_found',
  memberships_user_id_fkey: 'user_not_found',
  groups_creator_id_fkey: 'user_not_found',
  tokens_user_id_fkey: 'unauthenticated',
  reactions_message_id: 'message_not_found',
  reactions_user_id_fkey: 'user_not_found',
  reactions_account: 'user_not_found',
  reactions_limit: 'too_many_reactions',
  memberships_direct: 'direct_chat',
  memberships_account: 'user_not_found',
  users_account: 'user_not_found',
  users_erased: 'user_not_found',
  hooks_limit: 'too_many_hooks',
  hooks_group_id_fkey: 'group_not_found',
  messages_meta: 'meta_too_large',
  users_username_key_key: 'username_taken',
  events_payload_size: 'too_large',
  events_payload_depth: 'too_large',
  notification_size: 'too_large',
};

/** Returns the refusal for a database error; null if no constraint that a request can violate caused it. */
export function refusalOf(error: unknown): Refused | null {
  const code = refusals[constraintOf(error) ?? ''];
  return code === undefined ? null : new Refused(code, { cause: error });
}
