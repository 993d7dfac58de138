import { z } from 'zod';
import { Refused } from '../../chat/errors.ts';
import { message } from '../docs/response-schemas.ts';
import { requireMember, requireSelf } from '../request/authentication.ts';
import { idempotencyKey, KEY_HEADER } from '../request/idempotency-key.ts';
import { content, count, id } from '../request/request-schemas.ts';
import type { Services } from '../services.ts';
import { type Route, route } from './route.ts';

/** GET, POST and DELETE `/messages`. */
export function messageRoutes(services: Services): Route[] {
  return [readRoute(services), sendRoute(services), deleteRoute(services)];
}

function readRoute({ messages, groups }: Services): Route {
  return route({
    method: 'get',
    path: '/messages',
    serves: 'read',
    requires: 'user',
    summary: "A page of a group's messages, oldest first, and the cursor from which a poll continues it",
    input: z.object({ groupId: id, limit: count(1, 500, 100), before: id.optional(), after: id.optional() }),
    refusals: [404],
    answer: z.object({
      group_id: z.number(),
      messages: z.array(message),
      has_more: z.boolean(),
      cursor: z.string(),
    }),
    async handle({ input, caller }) {
      await requireMember(caller, input.groupId, groups);
      const page = await messages.page(input);
      return {
        body: { group_id: input.groupId, messages: page.messages, has_more: page.hasMore, cursor: page.cursor },
      };
    },
  });
}

function sendRoute({ writer, eventLog }: Services): Route {
  return route({
    method: 'post',
    path: '/messages',
    serves: 'write',
    requires: 'user',
    summary: 'Sends a message to a group; durable before it is answered, and safe to repeat with an Idempotency-Key',
    input: z.object({ userId: id, groupId: id, content }),
    refusals: [404, 409],
    headers: KEY_HEADER,
    answer: z.object({
      message: z.string(),
      message_id: z.number(),
      timestamp: z.iso.datetime(),
      cursor: z.string(),
    }),
    async handle({ input, caller, request }) {
      requireSelf(caller, input.userId);
      const posted = await writer.post({
        senderId: input.userId,
        groupId: input.groupId,
        content: input.content,
        key: idempotencyKey(request),
      });
      return {
        body: {
          message: 'message sent',
          message_id: posted.messageId,
          timestamp: posted.sentAt.toISOString(),
          cursor: await eventLog.cursorOf(posted.position),
        },
      };
    },
  });
}

function deleteRoute({ messages, groups }: Services): Route {
  return route({
    method: 'delete',
    path: '/messages',
    serves: 'write',
    requires: 'user',
    summary: 'Deletes a message; its group is told',
    input: z.object({ messageId: id }),
    refusals: [404],
    answer: z.object({ message: z.string() }),
    async handle({ input, caller }) {
      if (caller.userId !== null) {
        const { groupId, senderId } = await messages.find(input.messageId);
        const isSender = senderId === caller.userId;
        if (!isSender && !(await groups.isMember(groupId, caller.userId))) throw new Refused('message_not_found');
        if (!isSender) throw new Refused('forbidden');
      }
      await messages.delete(input.messageId);
      return { body: { message: 'message deleted' } };
    },
  });
}
