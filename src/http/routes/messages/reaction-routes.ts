import { z } from 'zod';
import { actingUserId, id } from '../../contract/request-schemas.ts';
import { emoji } from '../../contract/text-schemas.ts';
import { requireUserId } from '../../request/checks/authentication.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** POST and DELETE `/reactions`. */
export function reactionRoutes(services: Services): Route[] {
  return [reactRoute(services), unreactRoute(services)];
}

const reactionInput = z.object({
  messageId: id,
  emoji,
  userId: actingUserId('The user who reacts'),
});
/** The response to POST and DELETE /reactions. */
export const reactionResponse = z.object({
  message: z.string(),
  message_id: z.number(),
  emoji: z.string(),
  count: z.number().describe('How many users have this reaction to the message.'),
});

function reactRoute(services: Services): Route {
  return route({
    method: 'post',
    path: '/reactions',
    servedBy: 'active node',
    requires: 'user',
    summary:
      'Adds a reaction to a message, at most 10 of one user and 50 different ones. The group gets the event reaction',
    description: 'Repeating it is safe',
    input: reactionInput,
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: reactionResponse,
    responseExample: { message: 'reaction added' },
    async handle({ input, caller, request }) {
      const { messageId, emoji } = input;
      const userId = requireUserId(caller, input.userId);
      const key = requestKeyOf(request, userId, input);
      const count = await services.reactions.add({ messageId, emoji, userId }, caller.userId !== null, key);
      return { body: { message: 'reaction added', message_id: messageId, emoji, count } };
    },
  });
}

function unreactRoute(services: Services): Route {
  return route({
    method: 'delete',
    path: '/reactions',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Removes a reaction. The group gets the event reaction',
    description: 'Repeating it is safe',
    input: reactionInput,
    errorStatuses: [404],
    responseBody: reactionResponse,
    responseExample: { message: 'reaction removed', count: 0 },
    async handle({ input: { messageId, emoji, userId }, caller }) {
      const reaction = { messageId, emoji, userId: requireUserId(caller, userId) };
      const count = await services.reactions.remove(reaction, caller.userId !== null);
      return { body: { message: 'reaction removed', message_id: messageId, emoji, count } };
    },
  });
}
