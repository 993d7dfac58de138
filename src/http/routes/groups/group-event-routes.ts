import { z } from 'zod';
import { MalformedCursorError, parseCursor } from '../../../events/cursor.ts';
import { event } from '../../contract/event-schemas.ts';
import { count, cursor, id } from '../../contract/request-schemas.ts';
import { invalid } from '../../http-error.ts';
import { requireMember } from '../../request/checks/authentication.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** The response to GET /group-events. */
export const groupEventsResponse = z.object({
  group_id: z.number(),
  events: z.array(event),
  has_more: z.boolean().describe('True if there are older events.'),
  cursor: z.string(),
});

const JOINED = {
  kind: 'joined',
  cursor: '1f6a4b2c90de-1042',
  at: '2026-01-31T12:00:00.000Z',
  group_id: 1,
  group: 'Grupo Geral',
  user_id: 2,
  username: 'bruno',
  actor_id: 1,
  actor: 'ana_orm',
} satisfies z.input<typeof event>;

/** GET `/group-events`: the events about a group itself, without its messages. */
export function groupEventRoutes({ groups, groupEvents }: Services): Route[] {
  const read = route({
    method: 'get',
    path: '/group-events',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The events about a group itself: members who joined, left or got another role, and changes of the group',
    description:
      'The newest events of the kinds joined, left, role_changed and group_changed, oldest first, as polls deliver them; for members, who may also read the messages of the same time. The event log keeps events for a limited time (EVENT_RETENTION_HOURS): older ones are not returned',
    input: z.object({
      groupId: id,
      limit: count(1, 500, 100),
      before: cursor.meta({
        description: 'The cursor of an event: the page ends before it.',
        examples: ['1f6a4b2c90de-1042'],
      }),
    }),
    errorStatuses: [404],
    responseBody: groupEventsResponse,
    responseExample: { events: [JOINED] },
    async handle({ input: { groupId, limit, before }, caller }) {
      // Its epoch does not matter: the page is read backwards, and promises nothing about what came later.
      const position = before === undefined ? undefined : positionOf(before);
      await requireMember(caller, groupId, groups);
      const page = await groupEvents.page(groupId, limit, position);
      const events = page.events as z.output<typeof event>[];
      return { body: { group_id: groupId, events, has_more: page.hasMore, cursor: page.cursor } };
    },
  });
  return [read];
}

function positionOf(before: string): number {
  try {
    return parseCursor(before).position;
  } catch (error) {
    if (error instanceof MalformedCursorError) throw invalid('before', 'must be the cursor of an event');
    throw error;
  }
}
