import { constraintOf } from '../database/errors.ts';
import { type RefusalCode, Refused } from './errors.ts';

/**
 * What a violated constraint means for the request: the answer of the check that it raced with. A group may be deleted
 * between the look at it and the insert of a message, or in psql at any moment.
 */
const refusals: Record<string, RefusalCode> = {
  messages_group_id_fkey: 'group_not_found',
  messages_sender_id_fkey: 'user_not_found',
  memberships_group_id_fkey: 'group_not_found',
  memberships_user_id_fkey: 'user_not_found',
  groups_creator_id_fkey: 'user_not_found',
  tokens_user_id_fkey: 'unauthenticated',
  users_username_key_key: 'username_taken',
  events_payload_size: 'too_large',
  events_payload_depth: 'too_large',
};

/** The refusal that a database error stands for, or null where it is none of a constraint that requests can violate. */
export function refusalOf(error: unknown): Refused | null {
  const code = refusals[constraintOf(error) ?? ''];
  return code === undefined ? null : new Refused(code, { cause: error });
}
