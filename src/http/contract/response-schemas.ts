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

/** Every error response: `code` is for programs, `error` for people. */
export const errorResponse = z
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
