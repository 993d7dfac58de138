/** The schemas of events and signals, and of the responses to the two long polls that deliver them. */
import { z } from 'zod';
import { message } from './response-schemas.ts';

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
