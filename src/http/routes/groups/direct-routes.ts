import { z } from 'zod';
import { actingUserId, id } from '../../contract/request-schemas.ts';
import { user } from '../../contract/response-schemas.ts';
import { invalid } from '../../http-error.ts';
import { requireUserId } from '../../request/checks/authentication.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** The response to POST /direct. */
export const directResponse = z.object({
  group_id: z.number(),
  group_name: z.string(),
  created: z.boolean(),
  other: user,
});

/** `/direct`: the one chat of two users. */
export function directRoutes({ directChats }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/direct',
      servedBy: 'active node',
      requires: 'user',
      summary: 'Returns the one direct chat of the caller and another user, and creates it if there is none',
      description:
        'If the caller has left it, the caller is added again. A user who has left it gets no new messages until then: `members` of GET /chats shows whether the other one has. Repeating it is safe',
      input: z.object({
        otherUserId: id,
        userId: actingUserId(),
      }),
      errorStatuses: [404, 409],
      headers: ['Idempotency-Key'],
      responseBody: directResponse,
      responseExample: { group_name: 'ana_orm, bruno', other: { id: 2, username: 'bruno' } },
      async handle({ input, caller, request }) {
        const userId = requireUserId(caller, input.userId);
        if (input.otherUserId === userId) throw invalid('otherUserId', 'must be another user');
        const key = requestKeyOf(request, userId, input);
        const { groupId, groupName, created, other } = await directChats.open(userId, input.otherUserId, key);
        return { body: { group_id: groupId, group_name: groupName, created, other } };
      },
    }),
  ];
}
