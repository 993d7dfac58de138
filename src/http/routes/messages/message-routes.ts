import { z } from 'zod';
import { canonicalJson } from '../../../chat/idempotency/canonical-json.ts';
import type { Posted } from '../../../chat/posting/post.ts';
import { actingUserId, count, id, idOrZero, meta } from '../../contract/request-schemas.ts';
import { message } from '../../contract/response-schemas.ts';
import { content } from '../../contract/text-schemas.ts';
import { invalid } from '../../http-error.ts';
import { requireMember, requireSelf, requireUserId } from '../../request/checks/authentication.ts';
import { idempotencyKey } from '../../request/idempotency-key.ts';
import { appliedPreference, preferredDurability } from '../../request/prefer.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** GET, POST, PATCH and DELETE `/messages`. */
export function messageRoutes(services: Services): Route[] {
  return [messagePageRoute(services), sendRoute(services), deleteRoute(services), editRoute(services)];
}

/** The response to GET /messages. */
export const pageResponse = z.object({
  group_id: z.number(),
  messages: z.array(message),
  has_more: z
    .boolean()
    .describe('True if there are more messages in this direction; with around, if there are older ones.'),
  has_newer: z.boolean().optional().describe('Only with around: true if there are newer messages.'),
  incomplete: z
    .array(z.enum(['reactions']))
    .optional()
    .describe(
      'The parts that the messages lack because they cannot be read now, for example while a table is locked: read the page again later.',
    ),
  cursor: z.string(),
});

function messagePageRoute({ messages, groups }: Services): Route {
  return route({
    method: 'get',
    path: '/messages',
    servedBy: 'every node in service',
    requires: 'user',
    summary: "A page of a group's messages, oldest first, and the cursor from which a poll continues it",
    input: z.object({
      groupId: id,
      limit: count(1, 500, 100),
      before: id.optional(),
      after: idOrZero
        .optional()
        .describe('Return messages after this message id, the oldest ones first; 0 for the first ones.'),
      around: idOrZero
        .optional()
        .describe(
          'Half of the page is older than this message, and the other half begins with it, if it exists. Not together with before or after; limit is then at least 2.',
        ),
      userId: id.optional().describe('The user whose reactions are marked as `mine`. It may be left out.'),
    }),
    errorStatuses: [404],
    responseBody: pageResponse,
    async handle({ input, caller }) {
      if (input.userId !== undefined) requireSelf(caller, input.userId);
      if (input.around !== undefined && (input.before ?? input.after) !== undefined) {
        throw invalid('around', 'cannot be combined with before or after');
      }
      if (input.around !== undefined && input.limit < 2) throw invalid('limit', 'must be at least 2 with around');
      await requireMember(caller, input.groupId, groups);
      const page = await messages.page({ ...input, userId: caller.userId ?? input.userId });
      return {
        body: {
          group_id: input.groupId,
          messages: page.messages,
          has_more: page.hasMore,
          ...(input.around !== undefined && { has_newer: page.hasNewer }),
          ...(!page.hasReactions && { incomplete: ['reactions' as const] }),
          cursor: page.cursor,
        },
      };
    },
  });
}

/** The response to POST /messages. */
export const sendResponse = z.object({
  message: z.string(),
  message_id: z.number(),
  timestamp: z.iso.datetime(),
  cursor: z.string(),
  durable: z
    .enum(['local', 'replicated'])
    .describe(
      'The disks that the commit waited for, by the settings of PostgreSQL at that time: that of the primary, or also those of the synchronous standbys. Other writes wait for the same disks, but their responses do not say which: after an outcome_unknown, repeat them or read what they changed.',
    ),
});

function sendRoute({ writer, eventLog }: Services): Route {
  return route({
    method: 'post',
    path: '/messages',
    servedBy: 'active node',
    unqueued: true,
    requires: 'user',
    summary: 'Sends a message to a group; it is stored before the response, and safe to repeat with an Idempotency-Key',
    input: z.object({
      userId: actingUserId('The sender'),
      groupId: id,
      content,
      replyTo: id.optional().describe('A message of the same group.'),
      meta: meta.optional(),
    }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key', 'Prefer'],
    responseBody: sendResponse,
    responseExample: { message: 'message sent' },
    async handle({ input, caller, request }) {
      const preferred = preferredDurability(request);
      const posted = await writer.post({
        senderId: requireUserId(caller, input.userId),
        groupId: input.groupId,
        content: input.content,
        key: idempotencyKey(request),
        replyTo: input.replyTo,
        meta: input.meta && canonicalJson(input.meta),
        mustReplicate: preferred === 'replicated',
      });
      return {
        headers: appliedPreference(preferred),
        body: await sentBody(posted, eventLog),
      };
    },
  });
}

/** Returns the response to a message that was stored. */
export async function sentBody(posted: Posted, eventLog: Services['eventLog']) {
  return {
    message: 'message sent',
    message_id: posted.messageId,
    timestamp: posted.sentAt.toISOString(),
    cursor: await eventLog.cursorOf(posted.position),
    durable: posted.durable,
  };
}

function deleteRoute({ messages }: Services): Route {
  return route({
    method: 'delete',
    path: '/messages',
    servedBy: 'active node',
    requires: 'user',
    summary:
      'Deletes a message, for its sender and for owners and admins of the group, which gets the event message_deleted',
    input: z.object({ messageId: id }),
    errorStatuses: [404],
    responseBody: z.object({ message: z.string() }),
    responseExample: { message: 'message deleted' },
    async handle({ input, caller }) {
      await messages.delete(input.messageId, caller.userId);
      return { body: { message: 'message deleted' } };
    },
  });
}

/** The response to PATCH /messages. */
export const editResponse = z.object({
  message: z.string(),
  message_id: z.number(),
  edited_at: z.iso.datetime().nullable().describe('Null if the message never changed.'),
});

function editRoute({ editing }: Services): Route {
  return route({
    method: 'patch',
    path: '/messages',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Edits the text of a message; its group gets the event message_edited',
    input: z.object({
      messageId: id,
      content,
      meta: meta.nullable().optional().describe('Replaces the meta of the message; null removes it.'),
      userId: id.optional().describe('The user who edits, who must be the sender. It may be left out.'),
    }),
    errorStatuses: [404],
    responseBody: editResponse,
    responseExample: { message: 'message edited' },
    async handle({ input: { messageId, content, meta, userId }, caller }) {
      if (userId !== undefined) requireSelf(caller, userId);
      const editorId = caller.userId ?? userId ?? null;
      const editedAt = await editing.edit({ messageId, content, meta }, editorId, caller.userId !== null);
      return {
        body: { message: 'message edited', message_id: messageId, edited_at: editedAt?.toISOString() ?? null },
      };
    },
  });
}
