/** The reason for a refusal; the HTTP layer maps each code to a status. */
export type RefusalCode =
  | 'user_not_found'
  | 'group_not_found'
  | 'message_not_found'
  | 'not_a_member'
  | 'forbidden'
  | 'reply_not_found'
  | 'too_many_reactions'
  | 'meta_too_large'
  | 'direct_chat'
  | 'group_archived'
  | 'account_deleted'
  | 'has_left'
  | 'last_owner'
  | 'invitation_not_found'
  | 'removed_from_group'
  | 'session_not_found'
  | 'hook_not_found'
  | 'hook_revoked'
  | 'too_many_hooks'
  | 'key_reused'
  | 'username_taken'
  | 'group_full'
  | 'too_many_groups'
  | 'too_large'
  | 'unauthenticated'
  | 'overloaded'
  | 'unavailable'
  | 'not_replicated'
  | 'outcome_unknown';

const sentences: Record<RefusalCode, string> = {
  user_not_found: 'there is no such user',
  group_not_found: 'there is no such group',
  message_not_found: 'there is no such message',
  not_a_member: 'only members of the group may do this',
  forbidden: 'you are not allowed to do this',
  reply_not_found: 'there is no such message in this group to reply to',
  too_many_reactions: 'a user may have 10 reactions to a message, and a message 50 different ones',
  meta_too_large: 'meta must be at most 4 KiB: numbers such as 1e300 count with all their digits',
  direct_chat: 'a direct chat always has the same two members',
  group_archived: 'this group is archived: it accepts no new messages',
  account_deleted: 'the other user of this direct chat has deleted their account: it accepts no new messages',
  has_left:
    'this user has left the group or was removed: an owner or admin can add them, or they can accept an invitation',
  last_owner: 'the last owner of a group cannot step down: make another member owner first',
  invitation_not_found: 'this invitation does not exist, has expired or is used up',
  session_not_found: 'you have no such session',
  hook_not_found: 'there is no such hook',
  hook_revoked: 'this hook was revoked, or its group or the account of its creator was deleted',
  too_many_hooks: 'this group has the maximum number of hooks',
  removed_from_group: 'you were removed from this group: an owner or admin can add you',
  key_reused: 'this Idempotency-Key was used for a different request',
  username_taken: 'this username is taken',
  group_full: 'this group has the maximum number of members',
  too_many_groups: 'this user is in the maximum number of groups',
  too_large: 'payload must be at most 64 KiB: numbers such as 1e300 count with all their digits',
  unauthenticated: 'wrong username or password',
  overloaded: 'too many messages are waiting to be stored: try again in a few seconds',
  unavailable: 'the database cannot be reached: try again',
  not_replicated:
    'no synchronous standby of PostgreSQL has the message, so a failover could lose it: try again with the same Idempotency-Key, or without Prefer',
  outcome_unknown:
    'the connection broke during the commit, so the message may or may not be stored: send an Idempotency-Key to retry safely',
};

/** The problem with a field of the request, and the name that may have been meant. */
export interface RefusalDetail {
  field: string;
  problem: string;
  name?: string;
}

/** Thrown if a request violates a rule of the chat. Has a code for programs, and a sentence for people; each code has a default sentence. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: RefusalCode;
  readonly details: readonly RefusalDetail[] | undefined;
  constructor(
    code: RefusalCode,
    options: ErrorOptions & { sentence?: string; details?: readonly RefusalDetail[] } = {},
  ) {
    super(options.sentence ?? sentences[code], options);
    this.code = code;
    this.details = options.details;
  }
}

/** Thrown when a client has reached a limit; `retryAfterMs` is the time until the current window ends. */
export class RateLimitedError extends Error {
  override readonly name = 'RateLimitedError';
  readonly retryAfterMs: number;
  constructor(what: string, retryAfterMs: number) {
    super(`too many ${what}: try again later`);
    this.retryAfterMs = retryAfterMs;
  }
}
