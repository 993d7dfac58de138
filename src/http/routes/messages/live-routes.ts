import { z } from 'zod';
import { Refused } from '../../../chat/errors.ts';
import type { LiveSignals } from '../../../chat/live/live-signals.ts';
import { TYPING_MS, TYPING_PER_MINUTE } from '../../../chat/live/typing.ts';
import { actingUserId, id } from '../../contract/request-schemas.ts';
import { HttpError } from '../../http-error.ts';
import { type Caller, requireMember, requireUserId } from '../../request/checks/authentication.ts';
import { RateLimiter } from '../../request/checks/rate-limit.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** Maximum number of users in one response. */
const MAX_LISTED = 1000;

/** The response to GET /presence. */
export const presenceResponse = z.object({
  group_id: z.number(),
  online_users: z.array(z.number()).describe(`The ids of members who are online, at most ${MAX_LISTED}.`),
  online_count: z.number().describe('How many members are online, including those that are not listed.'),
});

/** `/typing` and `/presence`: which users are typing and which are connected. Nothing is stored. */
export function liveRoutes(services: Services): Route[] {
  return [typingRoute(services), presenceRoute(services)];
}

function typingRoute(services: Services): Route {
  const limiter = new RateLimiter('typing signals', TYPING_PER_MINUTE);
  return route({
    method: 'post',
    path: '/typing',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'Notifies the other members of a group that the caller is typing; repeat it every 3 s',
    description:
      'The others receive it as `ephemeral` (see Signals). Nothing is stored, so repeating it is safe. For each user and group, one signal at most is sent every 2 s. A signal may be lost, and none is sent in groups with more than 500 waiting members on a node',
    input: z.object({
      groupId: id,
      userId: actingUserId('The user who is typing'),
    }),
    errorStatuses: [404],
    responseBody: z.object({ message: z.string(), group_id: z.number(), ttl_ms: z.number() }),
    responseExample: { message: 'typing' },
    async handle({ input: { groupId, userId }, caller }) {
      const live = requireLive(services.live);
      const typist = requireUserId(caller, userId);
      await limiter.count(`user:${typist}`);
      await requireMembership(services, caller, groupId, typist);
      live.typing.add(groupId, typist);
      return { body: { message: 'typing', group_id: groupId, ttl_ms: TYPING_MS } };
    },
  });
}

function presenceRoute({ live, groups }: Services): Route {
  return route({
    method: 'get',
    path: '/presence',
    servedBy: 'every node in service',
    requires: 'user',
    summary: 'The members of a group who are connected to any node, by a poll or a stream',
    description:
      'A user goes offline 8 s after the last poll or stream has ended, or 6 s after their node died. Members receive changes as `ephemeral` (see Signals)',
    input: z.object({ groupId: id }),
    errorStatuses: [404],
    responseBody: presenceResponse,
    async handle({ input: { groupId }, caller }) {
      const { online } = requireLive(live);
      await requireMember(caller, groupId, groups);
      const members = await groups.memberIds(groupId);
      const found = members.filter((userId) => online.has(userId));
      return {
        body: { group_id: groupId, online_users: found.slice(0, MAX_LISTED), online_count: found.length },
      };
    },
  });
}

function requireLive(live: LiveSignals | null): LiveSignals {
  if (live) return live;
  throw new HttpError('switched_off', 'typing and presence are switched off here: PRESENCE=off');
}

/** Checks that the user is in the group. @throws {Refused} not_a_member; user_not_found or group_not_found where callers are not authenticated. */
async function requireMembership(
  { memberships, eventLog, groups }: Services,
  caller: Caller,
  groupId: number,
  userId: number,
): Promise<void> {
  const { groups: joined } = await memberships.of(userId);
  if (joined.has(groupId)) return;
  // The active node may have acknowledged a join that this node has yet to read.
  await eventLog.read();
  if (joined.has(groupId)) return;
  if (caller.userId === null) await groups.require(groupId);
  throw new Refused('not_a_member');
}
