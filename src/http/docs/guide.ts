import { TYPING_PER_MINUTE } from '../../chat/live/typing.ts';
import { ERROR_CODES } from '../contract/error-codes.ts';

/** The introduction to the API's documentation, in Markdown. It explains once what applies to every operation. */
export const GUIDE = `A highly available chat. Send requests to any node: every node serves reads and polls, and the active node accepts writes.

## Start
Sign in with POST /register or POST /login. GET /sync then returns the user, the chats with their unread counts, and a cursor. GET /messages reads the messages of a chat.
Repeat GET /subscribe/user with the cursor of the previous response, or open GET /events with the cursor: both return every event since, whichever node you use.
Polls wait for \`timeout\` seconds: give the HTTP client a longer timeout. 204 means that nothing happened.

## Requests
Bodies are JSON in UTF-8. Parameters of a GET are in the query, or in a JSON body. Ids are positive integers, also as text. Times are ISO 8601 in UTC.
Unknown fields are ignored. Responses may gain fields, and events may gain kinds: ignore those that you do not know.

Every response has the header \`X-Request-Id\`: that of the request, if it has one of up to 64 letters, digits and \`._:+/=@-\`, otherwise a new one. The node's log has it with every unexpected error.

## Authentication and tokens
With \`AUTH=token\`, POST /register or /login returns a token: send it as \`Authorization: Bearer <token>\`. GET /health names the mode in \`auth\`.
A node with JWT_ISSUER also accepts the JWTs of that application's users. The first JWT of a user creates the account, with the name in the token. If that name is taken, the new account
gets a suffix such as -3fa9c1: a JWT never opens an existing account of another user. A standby that does not forward writes cannot create the account: it responds 503 \`not_active\` to that JWT, also to a GET, until the JWT has been used on the active node. GET /me returns
the account. POST /logout ends one JWT, DELETE /tokens all that were issued until then.
With \`AUTH=open\` tokens are ignored, and the \`userId\` of a request is trusted: always send it. Every caller may then read every group, and may do what owners and admins may do. A client that sends both works in both modes.

## Writes and failover
A standby refuses writes with 503 \`not_active\`, and names the active node in \`active_url\`. Send the write there. If a node does not respond, use another: GET /cluster lists their addresses, unless a proxy hides them. While \`active_url\` is null, a failover
is under way: retry after \`Retry-After\` seconds. To retry safely after a lost response or 503 \`outcome_unknown\`, send an \`Idempotency-Key\` of your own
with the first attempt, and the same key with every retry: the same request then has one effect and one response. Every POST that creates something or notifies takes a key;
the descriptions of the others say why repeating them is safe. PATCH and DELETE take none: repeating one has no further effect, except that it may return 404, or 403 \`not_a_member\`, if the first one removed what it names. A repeated request gets the stored response and counts only as a request, not as another message or notification. Keys are kept for a day.

## Cursors
A cursor is a position in the event log. Every response of a poll has one, in the body and in the header \`Cursor\`. The responses of GET /sync, GET /chats, GET /messages and POST /messages have one too.
A poll with a cursor returns every event after it, in order, once, on any node. Without a cursor it returns only events from now on.
Events have messages, names and excerpts as they are when the poll reads them: a message that was edited since then comes with its new text, and the events message and message_edited of one that was deleted since then are left out.
A topic is a name that clients can wait for without a group of that name: GET /subscribe/status?group=name waits for it, POST /notify/name reaches it and every group of that name.
410 \`cursor_expired\` means that the events after the cursor are not available. \`reason\` says why: \`retention\` (they were removed), \`history\` and \`ahead\` (the database
was restored, or a replica was promoted), \`too_far\` (the user joined and left groups too often). Read GET /sync first and then GET /messages again, and continue from the cursor of GET /sync: events whose messages you have read already come once more, with the same ids.

## Streams
GET /events is the same log as server-sent events, for a browser's EventSource; there is no WebSocket. The name of each event is its \`kind\`, its data is the event as JSON, its id is its cursor.
The first id comes without an event: it is the position from which the stream continues. \`onmessage\` receives only the kind message: add a listener for each other kind. The stream resumes from \`Last-Event-ID\`.

An EventSource connects again by itself after an error, to the same address. To use another node, close it and open one there with \`cursor=\` and the last \`lastEventId\`. A temporary error (429, 5xx) is sent as a stream with status 200
that has the event \`unavailable\` with the error as data, and then ends: an EventSource connects again after that. 400, 401, 403, 404 and 410 are final and have their own status:
the \`readyState\` of the EventSource is then CLOSED. A browser does not show the status: read GET /sync, which fails for the same reason or returns a new cursor, and open another EventSource.
A stream whose token is revoked or expires is cut off, without an end of the response; a poll gets 401.
The event \`cursor_expired\` in a stream, with the Error as data, means the same as 410.

## Signals
Signals of typing and presence are not in the event log, have no cursor and may be lost. Streams carry them as the event \`ephemeral\` without an id (\`ephemeral=0\` leaves them out).
A poll gets them only with \`ephemeral=1\`: it then also ends for signals, with an empty \`events\` and the field \`ephemeral\`. Its response has the header \`Ephemeral-Cursor\`:
the next poll sends it as \`ephemeral\`, and also gets the signals that arrived between the two polls, if it comes within two seconds. POST /typing sends a signal, GET /presence returns who is connected.
Groups with more than 500 waiting members on a node get no signals. With \`PRESENCE=off\` there are none, and both routes return 404 \`switched_off\`.

## CORS and other origins
A page of another origin than the node's may call it if \`CORS_ORIGIN\` names that origin (\`*\` for every origin); with \`AUTH=open\` on a loopback address, pages of every loopback origin may.
Any other gets 403 \`foreign_origin\`. The nodes use no cookies: send the token in the header \`Authorization\`, or as \`access_token\` where the description of an operation says so, and leave \`credentials\` out.
Such a page can read the response headers \`Cursor\`, \`Ephemeral-Cursor\`, \`Preference-Applied\`, \`Retry-After\` and \`X-Request-Id\`.

## Limits
\`REQUESTS_PER_MINUTE\` limits each user, or each address for requests without a token; wrong passwords are limited for each account and address. A request beyond a limit gets 429 with \`Retry-After\` in seconds. A limit per minute is counted in windows of ten seconds, each of which allows a sixth of it.
\`NOTIFICATIONS_PER_MINUTE\` limits POST /notify, \`HOOK_POSTS_PER_MINUTE\` each hook; a user may send ${TYPING_PER_MINUTE} signals of typing a minute.
Health checks are not counted. A body has at most 128 KiB, a payload 64 KiB, a message 4096 characters, at least one of them visible.
Messages are text: files are not uploaded here. Store a file elsewhere, and send its address.

## Errors
Every error is an Error: \`code\` is for programs, \`error\` for people. 5xx and 429 are temporary.

| code | status | meaning |
|---|---|---|
${Object.entries(ERROR_CODES)
  .map(([code, [status, meaning]]) => `| \`${code}\` | ${status} | ${meaning} |`)
  .join('\n')}
`;

/** The sections of the documentation in order of use: name, description, and the paths of the operations. */
export const TAGS: readonly (readonly [name: string, description: string, paths: RegExp])[] = [
  [
    'Sign in',
    'Accounts and tokens.',
    /^\/(register|login|delete-account|logout|tokens|me|password|sessions|account)\b/,
  ],
  ['Users', 'Searching for users.', /^\/users\b/],
  ['Messages', 'Reading, sending and changing messages.', /^\/(messages|reactions|read|search|hooks)\b/],
  ['Groups', 'Groups and their members.', /^\/(chats|create-chat|group|groups|group-users|direct|invitations?|sync)\b/],
  [
    'Groups by name',
    'Membership by the names of groups, compatible with the Python project that this one replaces.',
    /^\/user\//,
  ],
  ['Events', 'Long polls, streams and notifications.', /^\/(subscribe|events|notify|typing|presence)\b/],
  [
    'Operations',
    'The state of the nodes, and the role of this one.',
    /^\/($|health|liveness|readiness|primary|replica|cluster|metrics|fall|revive|switchover|pause|resume|log-level)/,
  ],
  ['Pages', 'The chat page and this documentation.', /^\/(home|assets|docs|openapi|manifest|service-worker)/],
];

/** Returns the name of the section of a path. */
export function tagOf(path: string): string {
  return TAGS.find(([, , paths]) => paths.test(path))?.[0] ?? 'Groups';
}
