import { z } from 'zod';
import { actingUserId, actorId, id, nothing } from '../../contract/request-schemas.ts';
import { chat, member, user } from '../../contract/response-schemas.ts';
import { groupName, nameList, username } from '../../contract/text-schemas.ts';
import { actorOf, requireMember, requireUserId } from '../../request/checks/authentication.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { awaitedNames, awaitedNamesOf } from './awaited-names.ts';
import { onlineUsers, onlineUsersOf } from './online-users.ts';

/** Maximum number of members that one request may add to a new group, because each costs a row. Others join by POST /group-users. */
const MAX_MEMBERS_NAMED = 1000;
/** The maximum number of names that GET /groups returns. If there are more, any of them may be missing. */
const MAX_NAMES = 10_000;
const membership = z.object({ message: z.string(), group_id: z.number(), user_id: z.number() });

/** `/chats`, `/create-chat`, `/group-users` and `/groups`: groups and their members. */
export function groupRoutes(services: Services): Route[] {
  return [
    chatsRoute(services),
    createChatRoute(services),
    groupUsersRoute(services),
    joinRoute(services),
    leaveRoute(services),
    groupsRoute(services),
  ];
}

/** The response to GET /chats. */
export const chatsResponse = z.object({
  user_id: z.number(),
  chats: z.array(chat),
  cursor: z.string(),
  online_users: onlineUsers,
});

function chatsRoute({ chatList, live }: Services): Route {
  return route({
    method: 'get',
    path: '/chats',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The groups of a user, the most recently active first, with unread counts, last messages and members',
    description:
      'Not all members of a large group are listed: `members_count` has their number. If the user is in more than 2000 groups, the newest 2000 are returned',
    input: z.object({ userId: actingUserId() }),
    errorStatuses: [404],
    responseBody: chatsResponse,
    async handle({ input, caller }) {
      const { user, chats, cursor } = await chatList.of(requireUserId(caller, input.userId));
      return { body: { user_id: user.id, chats, cursor, ...onlineUsersOf(chats, live) } };
    },
  });
}

/** The response to POST /create-chat. */
export const createChatResponse = z.object({
  group_id: z.number(),
  group_name: z.string(),
  creator_id: z.number(),
  members: z.array(user),
  warning: z.string().optional(),
});

function createChatRoute({ groups }: Services): Route {
  return route({
    method: 'post',
    path: '/create-chat',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Creates a group with its creator and the named users as members',
    input: z.object({
      groupName,
      creatorId: actingUserId('The user who creates the group'),
      members: nameList(username, MAX_MEMBERS_NAMED)
        .default([])
        .describe('Usernames; those that do not exist are left out and named in `warning`.'),
    }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: createChatResponse,
    async handle({ input, caller, request }) {
      const creatorId = requireUserId(caller, input.creatorId, 'creatorId');
      const chat = await groups.create(
        input.groupName,
        creatorId,
        input.members,
        caller.userId,
        requestKeyOf(request, creatorId, input),
      );
      const problems = [
        ...(chat.unknown.length > 0 ? [`no such users: ${chat.unknown.join(', ')}`] : []),
        ...(chat.atLimit.length > 0
          ? [`not added, because they are in the maximum number of groups: ${chat.atLimit.join(', ')}`]
          : []),
      ];
      const warning = problems.length > 0 ? { warning: problems.join('; ') } : {};
      return {
        body: {
          group_id: chat.id,
          group_name: chat.name,
          creator_id: chat.creatorId,
          members: chat.members,
          ...warning,
        },
      };
    },
  });
}

function groupUsersRoute({ groups }: Services): Route {
  return route({
    method: 'get',
    path: '/group-users',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The members of a group and their roles',
    input: z.object({ groupId: id }),
    errorStatuses: [404],
    responseBody: z.object({ group_id: z.number(), users: z.array(member) }),
    async handle({ input, caller }) {
      await requireMember(caller, input.groupId, groups);
      return { body: { group_id: input.groupId, users: await groups.members(input.groupId) } };
    },
  });
}

function joinRoute({ groups }: Services): Route {
  return route({
    method: 'post',
    path: '/group-users',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Adds a user to a group; repeating it is safe',
    input: z.object({ groupId: id, userId: id.describe('The user to add.'), actorId }),
    errorStatuses: [404, 409],
    headers: ['Idempotency-Key'],
    responseBody: membership,
    responseExample: { message: 'joined' },
    async handle({ input, caller, request }) {
      const key = requestKeyOf(request, caller.userId ?? input.userId, input);
      await groups.join(input.groupId, input.userId, actorOf(caller, input.actorId), key);
      return { body: { message: 'joined', group_id: input.groupId, user_id: input.userId } };
    },
  });
}

function leaveRoute({ groups, administration }: Services): Route {
  return route({
    method: 'delete',
    path: '/group-users',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Leaves a group, or for owners and admins removes another member. Repeating it is safe',
    description:
      'An owner or admin can add a user again who has left or was removed; a user who has left can also accept an invitation. If the last owner leaves, the longest-standing admin becomes owner, or the longest-standing member if there is no admin; the group gets the event role_changed',
    input: z.object({ groupId: id, userId: actingUserId('The user to remove, by default the caller'), actorId }),
    errorStatuses: [404, 409],
    responseBody: membership,
    responseExample: { message: 'left' },
    async handle({ input: { groupId, userId: given, actorId }, caller }) {
      const { namedId } = actorOf(caller, actorId);
      const userId = given ?? requireUserId(caller, undefined);
      if (caller.userId !== null && caller.userId !== userId) {
        await administration.removeMember(groupId, caller.userId, userId);
      } else {
        await groups.leave(groupId, userId, { hidesGroup: caller.userId !== null, namedId });
      }
      return { body: { message: 'left', group_id: groupId, user_id: userId } };
    },
  });
}

function groupsRoute(services: Services): Route {
  const { waiters } = services;
  return route({
    method: 'get',
    path: '/groups',
    servedBy: 'every node in service',
    unqueued: true,
    requires: 'user',
    summary: "The groups and topics that clients wait on, on this node; with AUTH=token, only the caller's own groups",
    description: `At most ${MAX_NAMES} names are returned`,
    input: nothing,
    responseBody: z.object({ active_groups: z.array(z.string()), count: z.number() }),
    async handle({ caller }) {
      const names =
        caller.userId === null ? awaitedNames(waiters, MAX_NAMES) : await awaitedNamesOf(caller.userId, services);
      return { body: { active_groups: [...names].sort(), count: names.size } };
    },
  });
}
