/** The schemas of responses and of their parts that several routes share. The OpenAPI document gives each a name. */
import { z } from 'zod';
import { MAX_MATCHES } from '../../chat/search/highlights.ts';
import { ERROR_CODES } from './error-codes.ts';

/** A user as others see them. */
export const user = z.object({ id: z.number(), username: z.string() }).meta({ id: 'User' });

/** A member of a group. */
export const member = user
  .extend({ role: z.enum(['owner', 'admin', 'member']).describe('The role in the group.') })
  .meta({ id: 'Member' });

/** The message that a reply quotes. */
const replyPreview = z
  .object({
    id: z.number(),
    sender: z.string().nullable(),
    sender_id: z.number().nullable(),
    excerpt: z.string().nullable().describe('The first 100 characters.'),
    deleted: z.boolean().describe('True if the message was deleted; then only its id is known.'),
  })
  .meta({ id: 'ReplyPreview' });

/** The number of users who have one reaction to a message. */
const reaction = z
  .object({
    emoji: z.string(),
    count: z.number().describe('How many users have this reaction.'),
    mine: z.boolean().describe('True if the caller is one of them.'),
  })
  .meta({ id: 'Reaction' });

/** A message, in pages and in events. */
export const message = z
  .object({
    id: z.number(),
    sender: z.string(),
    sender_id: z.number(),
    hook: z.literal(true).optional().describe('Present if a hook sent it: the sender is not a user.'),
    content: z.string(),
    timestamp: z.iso.datetime(),
    reply_to: replyPreview.optional().describe('Absent unless the message is a reply.'),
    meta: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('The JSON object that the client stored with the message, if any.'),
    idempotency_key: z
      .string()
      .optional()
      .describe('The Idempotency-Key of the post. Only the devices of its sender receive it.'),
    reactions: z.array(reaction).optional().describe('Only in pages, and only if there are any.'),
    edited_at: z.iso
      .datetime()
      .optional()
      .describe('When the text or the meta was last changed; absent if they never were.'),
  })
  .meta({ id: 'Message' });

/** A message that a search has found. */
export const foundMessage = z
  .object({
    id: z.number(),
    group_id: z.number(),
    group: z.string(),
    sender: z.string(),
    sender_id: z.number(),
    hook: z.literal(true).optional().describe('Present if a hook sent it: the sender is not a user.'),
    content: z.string(),
    timestamp: z.iso.datetime(),
    edited_at: z.iso
      .datetime()
      .optional()
      .describe('When the text or the meta was last changed; absent if they never were.'),
    parts: z
      .array(z.object({ text: z.string(), match: z.boolean() }))
      .describe(
        `The content in pieces, for highlighting: their texts together are the content. At most ${MAX_MATCHES} matches are marked. None of it is HTML.`,
      ),
  })
  .meta({ id: 'FoundMessage' });

/** A group in the list of a user's chats. */
export const chat = z
  .object({
    id: z.number(),
    name: z.string(),
    members: z.array(user).describe('Fewer than members_count if there are too many to list.'),
    members_count: z.number(),
    direct: z.boolean().describe('True for the one chat of two users: POST /direct.'),
    description: z.string(),
    archived: z.boolean().describe('An archived group accepts no new messages.'),
    shows_reads: z.boolean(),
    role: z.enum(['owner', 'admin', 'member']).describe("The user's role."),
    unread: z
      .number()
      .describe(
        'Messages of others after last_read_id; 1000 means 1,000 or more, even if own messages are among the 1,000 newest.',
      ),
    mentions: z
      .number()
      .describe(
        "How many of them mention the user: an @ and the user's current name. Only the newest 100 that have an @ are searched.",
      ),
    last_read_id: z.number().describe('The read mark: the last message that the user has read; 0 if there is none.'),
    last_message: z
      .object({
        id: z.number(),
        sender: z.string(),
        sender_id: z.number(),
        excerpt: z.string().describe('The first 200 characters.'),
        timestamp: z.iso.datetime(),
      })
      .nullable(),
  })
  .meta({ id: 'Chat' });

/** The user who did it: absent where that is not known, such as for changes by SQL, or with AUTH=open if the request did not say so. */
const actor = {
  actor_id: z.number().optional().describe('The user who did it; absent if that is not known.'),
  actor: z
    .string()
    .nullable()
    .optional()
    .describe('The current name of that user; null if the account is no longer known.'),
};
const happened = { cursor: z.string(), at: z.iso.datetime() };
const groupState = {
  group_id: z.number(),
  name: z.string(),
  description: z.string(),
  archived: z.boolean(),
  shows_reads: z.boolean(),
};
const move = {
  ...happened,
  group_id: z.number(),
  group: z.string().nullable(),
  user_id: z.number(),
  username: z.string().nullable(),
  ...actor,
};

/** An event, as polls and streams deliver it. */
export const event = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('message'), ...happened, group_id: z.number(), message }),
    z.object({ kind: z.literal('message_edited'), ...happened, group_id: z.number(), message }),
    z.object({ kind: z.literal('message_deleted'), ...happened, group_id: z.number(), message_id: z.number() }),
    z.object({
      kind: z.literal('reaction'),
      ...happened,
      group_id: z.number(),
      message_id: z.number(),
      user_id: z.number(),
      emoji: z.string(),
      added: z.boolean().describe('False if the reaction was removed.'),
      count: z.number().describe('How many users have this reaction now.'),
    }),
    z.object({
      kind: z.literal('read'),
      ...happened,
      group_id: z.number(),
      message_id: z.number().describe("The user's read mark of the group."),
    }),
    z.object({
      kind: z.literal('read_by'),
      ...happened,
      group_id: z.number(),
      user_id: z.number(),
      message_id: z.number().describe("The member's read mark of the group."),
    }),
    z.object({
      kind: z.literal('role_changed'),
      ...happened,
      group_id: z.number(),
      user_id: z.number(),
      username: z.string().nullable(),
      role: z.enum(['owner', 'admin', 'member']),
      ...actor,
    }),
    z.object({
      kind: z.literal('group_changed'),
      ...happened,
      ...groupState,
      changed: z
        .array(z.enum(['name', 'description', 'archived', 'shows_reads']))
        .describe('The fields whose values have changed.'),
      ...actor,
    }),
    z.object({ kind: z.literal('group_deleted'), ...happened, ...groupState, ...actor }),
    z.object({
      kind: z.literal('user_renamed'),
      ...happened,
      group_id: z.number().nullable().describe('One event for each group of the user; null if there is none.'),
      user_id: z.number(),
      username: z
        .string()
        .nullable()
        .describe(
          'The current name, which is deleted-… for a deleted account; null if the account is no longer known.',
        ),
    }),
    z.object({
      kind: z.literal('joined'),
      ...move,
      created: z.literal(true).optional().describe('Only for the user who joined a group by creating it.'),
    }),
    z.object({ kind: z.literal('left'), ...move }),
    z.object({
      kind: z.literal('notification'),
      ...happened,
      group: z.string().nullable(),
      group_id: z.number().nullable(),
      payload: z.unknown(),
    }),
    z.object({ kind: z.literal('broadcast'), ...happened, payload: z.unknown() }),
  ])
  .meta({ id: 'Event' });

/** A signal, which is not in the event log: typing or presence. */
export const ephemeral = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('typing'),
      group_id: z.number(),
      user_id: z.number(),
      ttl_ms: z.number(),
    }),
    z.object({ kind: z.literal('presence'), user_id: z.number(), online: z.boolean() }),
  ])
  .meta({ id: 'Ephemeral' });
const signals = z
  .array(ephemeral)
  .optional()
  .describe(
    'Only with `ephemeral=1`: signals, which are not in the event log. They may be lost, and the cursor does not depend on them.',
  );

/** The response to GET /subscribe/status. */
export const statusResponse = z.object({
  status: z.enum(['alive', 'down']),
  active: z.boolean(),
  change: z.literal(true),
  group: z.union([z.string(), z.number()]),
  cursor: z.string(),
  events: z.array(event),
  ephemeral: signals,
});

/** The response to GET /subscribe/user. */
export const userResponse = z.object({
  change: z.literal(true),
  user_id: z.number(),
  notified_group: z.string().nullable(),
  user_groups: z.array(z.string()),
  recent_messages: z.array(message),
  messages_count: z.number(),
  cursor: z.string(),
  events: z.array(event),
  ephemeral: signals,
});

/** Every error response: `code` is for programs, `error` for people. */
export const refusal = z
  .object({
    error: z.string(),
    code: z
      .enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES])
      .describe('The error code, for programs. A newer version may have others.'),
    details: z
      .array(
        z.object({
          field: z.string(),
          problem: z.string(),
          name: z
            .string()
            .optional()
            .describe('Only for `group_not_found`: the group whose name differs in case or accents only.'),
        }),
      )
      .optional(),
    active_url: z.string().nullable().optional(),
    reason: z
      .enum(['retention', 'history', 'ahead', 'too_far'])
      .optional()
      .describe(
        'Only for `cursor_expired`. retention: the events were removed. history, ahead: the database was restored, or a replica was promoted. too_far: the user joined and left groups too often.',
      ),
  })
  .meta({ id: 'Error' });
