import { z } from 'zod';
import { NamedAudience, UserAudience } from '../chat/audiences.ts';
import { Refused } from '../chat/errors.ts';
import type { News } from '../events/waiters.ts';
import { type Caller, requireSelf } from './caller.ts';
import { HttpError } from './errors.ts';
import { renderOnce } from './long-poll.ts';
import { type Route, route } from './route.ts';
import { cursor, groupName, id, pollTimeout } from './schemas.ts';
import type { Services } from './services.ts';

/** A notification's payload, as JSON text, in bytes. */
const PAYLOAD_LIMIT = 64 * 1024;

const listOf = (parts: Iterable<string | null>) => `[${[...parts].filter((part) => part !== null).join(',')}]`;

/** `/subscribe/status`, `/subscribe/user` and `/notify/{group}`. */
export function subscribeRoutes(services: Services): Route[] {
  return [statusRoute(services), userRoute(services), notifyRoute(services)];
}

function statusRoute(services: Services): Route {
  const { polls, cluster, eventLog } = services;
  const render = renderOnce(({ audience, events, position }: News) => {
    const { label } = audience as NamedAudience;
    const status = cluster.role === 'fallen' ? 'down' : 'alive';
    return (
      `{"status":"${status}","active":${cluster.isOnDuty},"change":true,"group":${JSON.stringify(label)},` +
      `"cursor":"${eventLog.cursorAt(position)}","events":${listOf(events.map((event) => event.json))}}`
    );
  });
  return route({
    method: 'get',
    path: '/subscribe/status',
    serves: 'read',
    who: 'user',
    summary: "Long poll on a group or free topic, and on the node's state; 204 with the header Cursor at the time-out",
    input: z.object({ group: groupName.default('default'), groupId: id.optional(), cursor, timeout: pollTimeout }),
    async handle({ input, caller, response }) {
      const audience = await namedAudience(services, caller, input);
      await polls.run(response, audience, { cursor: input.cursor, timeoutS: input.timeout }, render);
      return undefined;
    },
  });
}

/** The audience of `group` or `groupId`; the one that already waits there, where there is one. */
async function namedAudience(
  { groups, rosters, waiters }: Services,
  caller: Caller,
  ask: { group: string; groupId?: number | undefined },
): Promise<NamedAudience> {
  const roster = caller.userId === null ? null : await rosters.of(caller.userId);
  if (ask.groupId !== undefined) {
    if (roster !== null && !roster.groups.has(ask.groupId)) throw new Refused('not_a_member');
    if (roster === null) await groups.require(ask.groupId);
  }
  const audience =
    ask.groupId === undefined
      ? new NamedAudience(ask.group, ask.group, await groups.idsNamed(ask.group, caller.userId), roster)
      : new NamedAudience(ask.groupId, null, [ask.groupId], roster);
  const waiting = waiters.audience(audience.id);
  return waiting instanceof NamedAudience ? waiting : audience;
}

function userRoute(services: Services): Route {
  const { polls, rosters, waiters, eventLog } = services;
  const render = renderOnce(({ audience, events, position }: News) => {
    const { roster } = audience as UserAudience;
    const messages = events.flatMap((event) => (event.message === null ? [] : [event.message]));
    const notified = events.find((event) => event.groupName !== null)?.groupName ?? null;
    return (
      `{"change":true,"user_id":${roster.userId},"notified_group":${JSON.stringify(notified)},` +
      `"user_groups":${JSON.stringify([...roster.groups.values()])},"recent_messages":${listOf(messages)},` +
      `"messages_count":${messages.length},"cursor":"${eventLog.cursorAt(position)}",` +
      `"events":${listOf(events.map((event) => event.json))}}`
    );
  });
  return route({
    method: 'get',
    path: '/subscribe/user',
    serves: 'read',
    who: 'user',
    summary: "One long poll for all of a user's groups; 204 with the header Cursor at the time-out",
    input: z.object({ user_id: id.optional(), userId: id.optional(), cursor, timeout: pollTimeout }),
    async handle({ input, caller, response }) {
      const userId = input.user_id ?? input.userId;
      if (userId === undefined) {
        throw new HttpError(400, 'invalid_request', 'user_id: must be a positive integer', {
          details: [{ field: 'user_id', problem: 'must be a positive integer' }],
        });
      }
      requireSelf(caller, userId);
      const roster = await rosters.of(userId);
      const waiting = waiters.audience(UserAudience.idOf(userId));
      const audience = waiting instanceof UserAudience ? waiting : new UserAudience(roster);
      await polls.run(response, audience, { cursor: input.cursor, timeoutS: input.timeout }, render);
      return undefined;
    },
  });
}

function notifyRoute({ notifications, eventLog }: Services): Route {
  return route({
    method: 'post',
    path: '/notify/:group',
    serves: 'write',
    who: 'user',
    summary: 'Tells everybody who waits on this name, or with `all` everybody',
    input: z.object({ group: groupName, payload: z.json().optional() }),
    answer: z.object({ message: z.string(), cursor: z.string() }),
    async handle({ input, caller }) {
      if (input.group === 'all' && !caller.isAdmin) throw new Refused('forbidden');
      if (Buffer.byteLength(JSON.stringify(input.payload ?? null)) > PAYLOAD_LIMIT) {
        throw new HttpError(413, 'too_large', 'payload must have 64 KiB or less');
      }
      const position = await notifications.notify(input.group, input.payload, caller.userId);
      const reached = input.group === 'all' ? 'all groups' : `group ${input.group}`;
      return { body: { message: `notification sent to ${reached}`, cursor: eventLog.cursorAt(position) } };
    },
  });
}
