/** Why the chat refuses; the HTTP layer gives each its status. */
export type RefusalCode =
  | 'user_not_found'
  | 'group_not_found'
  | 'message_not_found'
  | 'not_a_member'
  | 'forbidden'
  | 'key_reused'
  | 'username_taken'
  | 'group_full'
  | 'too_many_groups'
  | 'too_large'
  | 'unauthenticated'
  | 'overloaded'
  | 'unavailable'
  | 'outcome_unknown';

const sentences: Record<RefusalCode, string> = {
  user_not_found: 'there is no such user',
  group_not_found: 'there is no such group',
  message_not_found: 'there is no such message',
  not_a_member: 'only members of the group may do this',
  forbidden: 'this is not yours to do',
  key_reused: 'this Idempotency-Key was used for another message',
  username_taken: 'this username is taken',
  group_full: 'this group has as many members as a group may have',
  too_many_groups: 'this user is in as many groups as a user may be',
  too_large: 'payload must have 64 KiB or less: numbers such as 1e300 count with all their digits',
  unauthenticated: 'wrong username or password',
  overloaded: 'too many messages wait to be stored: try again in a moment',
  unavailable: 'the database cannot be reached now: nothing was stored, try again',
  outcome_unknown:
    'the connection broke during the commit, so the message may or may not be stored: send an Idempotency-Key to retry safely',
};

/** A request that the chat's own rules refuse, with a code for programs and a sentence for people (the code's own by default). */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: RefusalCode;
  constructor(code: RefusalCode, options: ErrorOptions & { sentence?: string } = {}) {
    super(options.sentence ?? sentences[code], options);
    this.code = code;
  }
}
