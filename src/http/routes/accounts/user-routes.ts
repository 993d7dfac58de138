import { z } from 'zod';
import { count } from '../../contract/request-schemas.ts';
import { namePart } from '../../contract/text-schemas.ts';
import { clientKey } from '../../request/checks/rate-limit.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** `/users`. With AUTH=token every signed-in user may search, because users are invited by name. Reveals only ids and names. */
export function userRoutes({ users }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/users',
      servedBy: 'every node in service',
      unqueued: true,
      requires: 'user',
      summary: 'Searches users by a part of their name',
      description:
        'First the user of that name, then those whose names begin with it, then the others; each in the order of their names',
      input: z.object({
        username: namePart.describe('A part of the name; empty for any name.'),
        limit: count(1, 100, 20),
      }),
      responseBody: z.object({ users: z.array(z.object({ id: z.number(), username: z.string() })) }),
      async handle({ input, caller, request }) {
        const source = clientKey(caller.userId, request);
        return { body: { users: await users.search(input.username, input.limit, source) } };
      },
    }),
  ];
}
