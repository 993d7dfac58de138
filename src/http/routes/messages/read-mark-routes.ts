import { z } from 'zod';
import { actingUserId, id } from '../../contract/request-schemas.ts';
import { chat, user } from '../../contract/response-schemas.ts';
import { requireUserId } from '../../request/checks/authentication.ts';
import type { Services } from '../../services.ts';
import { onlineUsers, onlineUsersOf } from '../groups/online-users.ts';
import { type Route, route } from '../route.ts';

/** `/read` and `/sync`: what a user has read, and what a client needs at its start. */
export function readMarkRoutes(services: Services): Route[] {
  return [moveReadMarkRoute(services), readMarksRoute(services), syncRoute(services)];
}

/** The response to POST /read. */
export const readResponse = z.object({
  group_id: z.number(),
  last_read_id: z.number().describe('The mark now: a later message than requested if the mark was already there.'),
});

function moveReadMarkRoute({ readMarks }: Services): Route {
  return route({
    method: 'post',
    path: '/read',
    servedBy: 'active node',
    requires: 'user',
    // ReadMarks stores at most one mark of a user in half a second, and the marks of all users together. A queue, which runs few
    // requests at a time, would let few marks wait together.
    unqueued: true,
    summary: "Moves the caller's read mark of a group to a message: at most to the newest one, and never back",
    description:
      "Repeating it is safe. The user's devices get the event read if the mark moved. The marks of one user in a group are stored twice a second at most: the response may wait that long",
    input: z.object({
      groupId: id,
      messageId: id.describe('The last message that was read.'),
      userId: actingUserId('The user who reads'),
    }),
    responseBody: readResponse,
    async handle({ input: { groupId, messageId, userId }, caller }) {
      const lastReadId = await readMarks.mark({ userId: requireUserId(caller, userId), groupId, messageId });
      return { body: { group_id: groupId, last_read_id: lastReadId } };
    },
  });
}

/** The response to GET /read. */
export const groupReads = z.object({
  group_id: z.number(),
  shows_reads: z.boolean(),
  reads: z
    .array(z.object({ user_id: z.number(), last_read_id: z.number() }))
    .describe('The read mark of each member; of the caller alone if the group does not show reads.'),
});

function readMarksRoute({ readMarks }: Services): Route {
  return route({
    method: 'get',
    path: '/read',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'How far each member of a group has read, in a group that shows reads',
    description:
      "PATCH /groups with showsReads lets the members of a group see each other's read marks. In other groups the response has only the caller's own mark",
    input: z.object({ groupId: id, userId: actingUserId('The user who asks') }),
    responseBody: groupReads,
    async handle({ input: { groupId, userId }, caller }) {
      const { showsReads, marks } = await readMarks.of(groupId, requireUserId(caller, userId));
      const reads = marks.map((mark) => ({ user_id: mark.userId, last_read_id: mark.messageId }));
      return { body: { group_id: groupId, shows_reads: showsReads, reads } };
    },
  });
}

/** The response to GET /sync. */
export const syncResponse = z.object({
  user,
  chats: z.array(chat),
  cursor: z.string(),
  online_users: onlineUsers,
});

function syncRoute({ chatList, live }: Services): Route {
  return route({
    method: 'get',
    path: '/sync',
    servedBy: 'every node in service',
    requires: 'user',
    summary:
      'Everything a client needs when it starts, in one snapshot: the user, the chats, and the cursor to continue from',
    input: z.object({ userId: actingUserId() }),
    errorStatuses: [404],
    responseBody: syncResponse,
    async handle({ input, caller }) {
      const list = await chatList.of(requireUserId(caller, input.userId));
      return { body: { ...list, ...onlineUsersOf(list.chats, live) } };
    },
  });
}
