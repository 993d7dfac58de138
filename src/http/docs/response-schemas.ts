/** Responses and parts of them that several routes share. The OpenAPI document names them. */
import { z } from 'zod';
import { ERROR_CODES } from './error-codes.ts';

/** A user as others see them. */
export const user = z.object({ id: z.number(), username: z.string() }).meta({ id: 'User' });

/** A message, in pages and in events. */
export const message = z
  .object({
    id: z.number(),
    sender: z.string(),
    sender_id: z.number(),
    content: z.string(),
    timestamp: z.iso.datetime(),
    edited_at: z.iso.datetime().optional().describe('When the text was last changed; absent if it never was.'),
  })
  .meta({ id: 'Message' });

const happened = { cursor: z.string(), at: z.iso.datetime() };
const move = {
  ...happened,
  group_id: z.number(),
  group: z.string().nullable(),
  user_id: z.number(),
  username: z.string().nullable(),
};

/** An event, as polls and streams deliver it. */
export const event = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('message'), ...happened, group_id: z.number(), message }),
    z.object({ kind: z.literal('message_edited'), ...happened, group_id: z.number(), message }),
    z.object({ kind: z.literal('message_deleted'), ...happened, group_id: z.number(), message_id: z.number() }),
    z.object({ kind: z.literal('joined'), ...move }),
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

/** The response of GET /subscribe/status. */
export const statusNews = z.object({
  status: z.enum(['alive', 'down']),
  active: z.boolean(),
  change: z.literal(true),
  group: z.union([z.string(), z.number()]),
  cursor: z.string(),
  events: z.array(event),
});

/** The response of GET /subscribe/user. */
export const userNews = z.object({
  change: z.literal(true),
  user_id: z.number(),
  notified_group: z.string().nullable(),
  user_groups: z.array(z.string()),
  recent_messages: z.array(message),
  messages_count: z.number(),
  cursor: z.string(),
  events: z.array(event),
});

/** Every error response: `code` is for programs, `error` for people. */
export const refusal = z
  .object({
    error: z.string(),
    code: z
      .enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES])
      .describe('The error code, for programs. A newer version may have others.'),
    details: z.array(z.object({ field: z.string(), problem: z.string() })).optional(),
    active_url: z.string().nullable().optional(),
    reason: z
      .enum(['retention', 'history', 'ahead', 'too_far'])
      .optional()
      .describe(
        'Only for `cursor_expired`. retention: the events were removed. history, ahead: the database was restored, or a replica was promoted. too_far: the user joined and left groups too often.',
      ),
  })
  .meta({ id: 'Error' });
