import { z } from 'zod';
import { MAX_TERMS, termsOf } from '../../../chat/search/search-query.ts';
import { actingUserId, count, id } from '../../contract/request-schemas.ts';
import { foundMessage } from '../../contract/response-schemas.ts';
import { searchText } from '../../contract/text-schemas.ts';
import { invalid } from '../../http-error.ts';
import { requireUserId } from '../../request/checks/authentication.ts';
import { clientKey } from '../../request/checks/rate-limit.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** The response to GET /search. */
export const searchResponse = z.object({
  messages: z.array(foundMessage).describe('Newest first.'),
  next_before: z.number().nullable(),
  partial: z.boolean(),
});

/** `/search`. */
export function searchRoutes({ messageSearch }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/search',
      servedBy: 'every node in service',
      unqueued: true,
      requires: 'user',
      summary: "Messages of the caller's groups that contain all words of a query, newest first",
      description: [
        '`q` may have up to 8 words. Case and accents are ignored, and a word is found within longer ones: `reuni` finds `Reunião` and `reuniões`.',
        'A word of one or two letters must be a whole word of the message. Words in double quotes are found next to each other: `"bom dia"`.',
        'A search has a time limit: if it stops there, `partial` is true and `messages` may be few or none; continue with `next_before`',
      ].join(' '),
      input: z.object({
        q: searchText.describe('Words, and phrases in double quotes.'),
        groupId: id.optional().describe('Only messages of this group.'),
        senderId: id.optional(),
        before: id.optional().describe('Only messages before this id: `next_before` of the previous page.'),
        limit: count(1, 50, 20),
        userId: actingUserId('The user who searches'),
      }),
      errorStatuses: [404],
      responseBody: searchResponse,
      async handle({ input: { q, userId, ...rest }, caller, request }) {
        const terms = termsOf(q);
        if (terms.length === 0) throw invalid('q', 'must have a letter, a digit or a symbol to search for');
        if (terms.length > MAX_TERMS) throw invalid('q', `must have ${MAX_TERMS} different words or fewer`);
        const search = { ...rest, terms, userId: requireUserId(caller, userId) };
        const page = await messageSearch.find(search, clientKey(caller.userId, request));
        return { body: { messages: page.messages, next_before: page.nextBefore, partial: page.isPartial } };
      },
    }),
  ];
}
