import { z } from 'zod';
import { Refused } from '../../chat/errors.ts';
import { requireSelf } from '../request/authentication.ts';
import { content, id } from '../request/request-schemas.ts';
import type { Services } from '../services.ts';
import { type Route, route } from './route.ts';

/** PATCH `/messages`: what clients do with a message that was sent. */
export function messageFeatureRoutes(services: Services): Route[] {
  return [editRoute(services)];
}

function editRoute({ messages, editing, groups }: Services): Route {
  return route({
    method: 'patch',
    path: '/messages',
    serves: 'write',
    requires: 'user',
    summary: 'Changes the text of a message; its group gets the event message_edited',
    input: z.object({
      messageId: id,
      content,
      userId: id.optional().describe('The sender. Where AUTH=token, the token says who calls.'),
    }),
    refusals: [404],
    answer: z.object({
      message: z.string(),
      message_id: z.number(),
      edited_at: z.iso.datetime().nullable().describe('Null if the text never changed.'),
    }),
    async handle({ input: { messageId, content, userId }, caller }) {
      if (userId !== undefined) requireSelf(caller, userId);
      const editorId = caller.userId ?? userId;
      if (editorId !== undefined) {
        const { groupId, senderId } = await messages.find(messageId);
        const isIn = caller.userId === null || (await groups.isMember(groupId, caller.userId));
        if (!isIn) throw new Refused(senderId === editorId ? 'not_a_member' : 'message_not_found');
        if (senderId !== editorId) throw new Refused('forbidden');
      }
      const editedAt = await editing.edit(messageId, content);
      return {
        body: { message: 'message edited', message_id: messageId, edited_at: editedAt?.toISOString() ?? null },
      };
    },
  });
}
