/** Why a request is refused; the HTTP layer maps each code to a status. */
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
  forbidden: 'you are not allowed to do this',
  key_reused: 'this Idempotency-Key was used for another message',
  username_taken: 'this username is taken',
  group_full: 'this group has the maximum number of members',
  too_many_groups: 'this user is in the maximum number of groups',
  too_large: 'payload must be at most 64 KiB: numbers such as 1e300 count with all their digits',
  unauthenticated: 'wrong username or password',
  overloaded: 'too many messages are waiting to be stored: try again in a few seconds',
  unavailable: 'the database cannot be reached: nothing was stored, try again',
  outcome_unknown:
    'the connection broke during the commit, so the message may or may not be stored: send an Idempotency-Key to retry safely',
};

/** A request violates a rule of the chat. Has a code for programs and a sentence for people, by default that of the code. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: RefusalCode;
  constructor(code: RefusalCode, options: ErrorOptions & { sentence?: string } = {}) {
    super(options.sentence ?? sentences[code], options);
    this.code = code;
  }
}
