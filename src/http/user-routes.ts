import { z } from 'zod';
import { type Route, route } from './route.ts';
import { count, username } from './schemas.ts';
import type { Services } from './services.ts';

/** `/login` and `/users`. */
export function userRoutes({ users }: Services): Route[] {
  return [
    route({
      method: 'post',
      path: '/login',
      serves: 'write',
      who: 'anyone',
      summary: 'Enters under a name; makes the account where there is none',
      input: z.object({ username }),
      answer: z.object({ user_id: z.number(), username: z.string(), created: z.boolean() }),
      async handle({ input }) {
        const { user, created } = await users.findOrCreate(input.username, null);
        return { body: { user_id: user.id, username: user.username, created } };
      },
    }),
    route({
      method: 'get',
      path: '/users',
      serves: 'read',
      who: 'user',
      summary: 'Users whose name has a part in it',
      input: z.object({ username: z.string().max(64).default(''), limit: count(1, 100, 20) }),
      answer: z.object({ users: z.array(z.object({ id: z.number(), username: z.string() })) }),
      async handle({ input }) {
        return { body: { users: await users.search(input.username, input.limit) } };
      },
    }),
  ];
}
