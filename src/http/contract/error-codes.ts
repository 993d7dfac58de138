import type { RefusalCode } from '../../chat/errors.ts';

type HttpCode =
  | 'invalid_json'
  | 'invalid_request'
  | 'foreign_origin'
  | 'not_found'
  | 'switched_off'
  | 'unknown_node'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'no_standby'
  | 'already_active'
  | 'cursor_expired'
  | 'unsupported_media_type'
  | 'misdirected_request'
  | 'too_many_requests'
  | 'headers_too_large'
  | 'internal_error'
  | 'not_active'
  | 'not_alive'
  | 'no_successor'
  | 'other_successor'
  | 'paused'
  | 'blocked'
  | 'database_refused';

/**
 * The effect of a request that got a 503: it was not executed, so that it may be sent again; it may have been executed; or it is
 * refused, and sending it again does not help. A client decides by it whether to retry.
 */
type Effect = 'not executed' | 'perhaps executed' | 'refused';

type OtherStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 410 | 413 | 415 | 421 | 429 | 431 | 500;

type Entry = readonly [status: OtherStatus, meaning: string] | readonly [status: 503, meaning: string, effect: Effect];

/**
 * Every error code: its HTTP status, its meaning with the remedy, and for a 503 its effect. Errors take their status from here
 * (http-error.ts), and the documentation is made from it. A {@link RefusalCode} without an entry and a 503 without an effect
 * fail to compile.
 */
export const ERROR_CODES = {
  invalid_json: [400, 'The body is not valid JSON in UTF-8.'],
  invalid_request: [
    400,
    'A field is missing or invalid, and `details` has an entry for each; without `details`, the request itself is malformed.',
  ],
  unauthenticated: [401, 'The token is missing, unknown, expired or revoked, or the username or password is wrong.'],
  forbidden: [403, 'The caller is not allowed to do this.'],
  not_a_member: [403, 'Only members of the group may do this.'],
  foreign_origin: [403, 'A page of an origin that CORS_ORIGIN does not name sent the request.'],
  not_found: [404, 'The path is unknown.'],
  switched_off: [404, 'Typing and presence are switched off (PRESENCE=off).'],
  user_not_found: [404, 'The user does not exist.'],
  group_not_found: [404, 'The group does not exist.'],
  message_not_found: [404, 'The message does not exist, or was deleted.'],
  reply_not_found: [404, 'The message to reply to does not exist in this group.'],
  invitation_not_found: [404, 'The invitation does not exist, has expired or is used up.'],
  session_not_found: [404, 'The caller has no such session.'],
  hook_not_found: [404, 'The hook does not exist, or the token of a hook is wrong.'],
  removed_from_group: [403, 'The caller was removed from the group: an owner or admin can add them.'],
  unknown_node: [404, 'No node has this name.'],
  method_not_allowed: [405, 'The path does not support this method: the header `Allow` lists those that it does.'],
  request_timeout: [408, 'The request took too long to arrive.'],
  username_taken: [409, 'Another account has this username.'],
  key_reused: [409, 'The Idempotency-Key was used for a different request.'],
  group_full: [409, 'The group has the maximum number of members.'],
  too_many_groups: [409, 'The user is in the maximum number of groups.'],
  too_many_reactions: [409, 'A user may have 10 reactions to a message, and a message 50 different ones.'],
  too_many_hooks: [409, 'A group may have 100 hooks, including those that were revoked less than a day ago.'],
  direct_chat: [409, 'A direct chat has two fixed members, and no owners or admins.'],
  group_archived: [409, 'The group is archived: it accepts no new messages.'],
  account_deleted: [409, 'The other account of the direct chat was deleted: it accepts no new messages.'],
  has_left: [
    409,
    'The user has left the group or was removed: only an owner or admin can add them. A user who has left can also accept an invitation.',
  ],
  last_owner: [409, 'The last owner of a group cannot step down: make another member owner first.'],
  no_standby: [409, 'No standby can become active.'],
  already_active: [409, 'The named node is already active.'],
  paused: [409, 'Failover is paused for maintenance, so the role is not handed over: see `/health`.'],
  cursor_expired: [410, 'The events after the cursor are not available: read the state again (see Cursors).'],
  hook_revoked: [410, 'The hook was revoked, or its group or the account of its creator was deleted.'],
  meta_too_large: [
    413,
    'The meta of a message is larger than 4 KiB; numbers such as 1e300 count with all their digits.',
  ],
  too_large: [413, 'The body or the payload is too large.'],
  unsupported_media_type: [415, 'The body is not JSON in UTF-8: send `Content-Type: application/json`.'],
  misdirected_request: [421, 'The header Host is not a name of this node: see ALLOWED_HOSTS.'],
  too_many_requests: [429, 'A limit was reached: retry after `Retry-After` seconds.'],
  headers_too_large: [431, 'The URL and the headers together exceed 16 KiB.'],
  internal_error: [500, 'The node failed unexpectedly, and has logged the error.'],
  not_active: [
    503,
    'This node is a standby: send the write to `active_url`, or retry if that is null.',
    'not executed',
  ],
  not_alive: [503, 'This node is out of service: use another one.', 'not executed'],
  other_successor: [409, 'Another standby became active instead of the named one: see the log of the named one.'],
  no_successor: [503, 'No standby became active, so this node is active again.', 'refused'],
  overloaded: [
    503,
    'The node is at its capacity: use another node, or retry after `Retry-After` seconds.',
    'not executed',
  ],
  unavailable: [
    503,
    'The database cannot be reached or cannot store data: `error` says if its disk is full. Nothing was stored: retry after `Retry-After` seconds.',
    'not executed',
  ],
  blocked: [503, 'Another transaction blocks the database. Nothing was stored: retry.', 'not executed'],
  database_refused: [
    503,
    'PostgreSQL refuses the request until a DBA corrects a privilege, an object, a trigger or a constraint. Nothing was stored.',
    'not executed',
  ],
  not_replicated: [
    503,
    'The header Prefer requires durable=replicated, and no synchronous standby confirmed it: retry with the same Idempotency-Key.',
    'perhaps executed',
  ],
  outcome_unknown: [
    503,
    'The request may have been executed: retry it with the same Idempotency-Key.',
    'perhaps executed',
  ],
} as const satisfies Record<HttpCode | RefusalCode, Entry>;

type Entries = typeof ERROR_CODES;

/** The code of an error. */
export type ErrorCode = keyof Entries;

/** Returns the HTTP status of an error. */
export const statusOf = (code: ErrorCode): number => ERROR_CODES[code][0];

/** The code of every 503, with its effect. */
export type EffectOfCode = {
  [Code in keyof Entries as Entries[Code] extends readonly [unknown, unknown, Effect]
    ? Code
    : never]: Entries[Code] extends readonly [unknown, unknown, infer Known] ? Known : never;
};

/** The codes from which a client concludes that its request was not executed. */
export const CODES_NOT_EXECUTED: readonly string[] = (Object.entries(ERROR_CODES) as [string, Entry][])
  .filter(([, [, , effect]]) => effect === 'not executed')
  .map(([code]) => code);

/** Returns the codes that an error of this status can have. */
export function codesOf(status: number): string[] {
  const entries: [string, Entry][] = Object.entries(ERROR_CODES);
  return entries.flatMap(([code, [own]]) => (own === status ? [code] : []));
}
