import { z } from 'zod';
import { MAX_JWT_LENGTH } from '../../../chat/auth/jwt/jwt-verifier.ts';
import { GroupOrNameAudience, UserAudience } from '../../../chat/delivery/audiences.ts';
import { GroupNameCache } from '../../../chat/delivery/group-name-cache.ts';
import { groupNames } from '../../../chat/delivery/membership-cache.ts';
import { Refused } from '../../../chat/errors.ts';
import { parseCursor } from '../../../events/cursor.ts';
import { jsonFor, messageFor } from '../../../events/recipient-json.ts';
import type { Delivery } from '../../../events/waiters.ts';
import { statusResponse, userResponse } from '../../contract/event-schemas.ts';
import {
  actingUserId,
  cursor,
  ephemeralCursor,
  id,
  json,
  pollTimeout,
  wantsEphemeral,
} from '../../contract/request-schemas.ts';
import { isStoredBeyond } from '../../contract/stored-size.ts';
import { groupName } from '../../contract/text-schemas.ts';
import type { PollRequest } from '../../delivery/long-poll.ts';
import { renderOnce } from '../../delivery/render-once.ts';
import { HttpError } from '../../http-error.ts';
import { type Caller, requireUserId } from '../../request/checks/authentication.ts';
import { clientKey, PAYLOAD_LIMIT } from '../../request/checks/rate-limit.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** Maximum number of bytes of a payload as PostgreSQL writes it (events_payload_size in 0002_event_log.sql). */
const STORED_PAYLOAD_LIMIT = 128 * 1024;

const listOf = (parts: Iterable<string | null>) => `[${[...parts].filter((part) => part !== null).join(',')}]`;

const ephemeral = ephemeralCursor.describe(
  'With 1, the poll also ends at a signal (typing or presence), which the response has in the field `ephemeral`. With the next poll, send the header Ephemeral-Cursor of the last response as `ephemeral`, so that no signal in between is missed.',
);
const signalsOf = (ephemeral: readonly string[] | undefined) => (ephemeral ? `,"ephemeral":${listOf(ephemeral)}` : '');

/** `/subscribe/status`, `/subscribe/user`, `/events` and `/notify/{group}`. */
export function subscribeRoutes(services: Services): Route[] {
  return [statusRoute(services), userRoute(services), streamRoute(services), notifyRoute(services)];
}

function statusRoute(services: Services): Route {
  const { polls, cluster } = services;
  const groupNameCache = new GroupNameCache(async (groupId) => (await services.groups.require(groupId)).name);
  const render = renderOnce(({ audience, events, cursor, ephemeral }: Delivery) => {
    const { label, memberships } = audience as GroupOrNameAudience;
    const status = cluster.role === 'fallen' ? 'down' : 'alive';
    return (
      `{"status":"${status}","active":${cluster.acceptsWrites},"change":true,"group":${JSON.stringify(label)},` +
      `"cursor":"${cursor}","events":${listOf(events.map((event) => jsonFor(event, memberships?.userId)))}${signalsOf(ephemeral)}}`
    );
  });
  return route({
    method: 'get',
    path: '/subscribe/status',
    servedBy: 'every node in service',
    requires: 'user',
    waits: true,
    summary: "Long poll on a group or topic, and on the node's state; 204 with the header Cursor after the timeout",
    input: z.object({
      group: groupName.default('default'),
      groupId: id.optional(),
      cursor,
      timeout: pollTimeout,
      ephemeral,
    }),
    responseBody: statusResponse,
    errorStatuses: [404, 410],
    async handle({ input, caller, response, lifetime }) {
      const audience = () => namedAudience(services, groupNameCache, caller, input);
      await polls.run(response, lifetime, { ...pollOf(input, caller), audience, render });
      return undefined;
    },
  });
}

/** Returns the part of a poll request that is the same for both poll routes. */
function pollOf(
  input: { cursor?: string | undefined; timeout: number; ephemeral?: string | undefined },
  { userId }: Caller,
): Pick<PollRequest, 'userId' | 'cursor' | 'timeoutS' | 'ephemeral'> {
  const { cursor, timeout, ephemeral } = input;
  return { userId, cursor, timeoutS: timeout, ephemeral: ephemeral === '0' ? undefined : ephemeral };
}

/** Returns the audience of `group` or `groupId`. @throws {Refused} group_not_found, not_a_member. */
async function namedAudience(
  { memberships: loader, eventLog }: Services,
  groupNameCache: GroupNameCache,
  caller: Caller,
  request: { group: string; groupId?: number | undefined; cursor?: string | undefined },
): Promise<GroupOrNameAudience> {
  const { groupId } = request;
  if (caller.userId === null) {
    const name = groupId === undefined ? undefined : await groupNameCache.nameOf(groupId);
    return new GroupOrNameAudience(groupId ?? request.group, null, name);
  }
  // Memberships must be as recent as the cursor, and include a join that the active node has just acknowledged.
  if (request.cursor !== undefined && !eventLog.known.covers(parseCursor(request.cursor))) await eventLog.read();
  const memberships = await loader.of(caller.userId);
  if (groupId !== undefined && !memberships.groups.has(groupId)) {
    await eventLog.read();
    if (!memberships.groups.has(groupId)) throw new Refused('not_a_member');
  }
  return new GroupOrNameAudience(groupId ?? request.group, memberships);
}

function userRoute(services: Services): Route {
  const { polls, memberships } = services;
  const render = renderOnce(({ audience, events, cursor, ephemeral }: Delivery) => {
    const { memberships } = audience as UserAudience;
    const messages = events.flatMap((event) =>
      event.kind === 'message' ? (messageFor(event, memberships.userId) ?? []) : [],
    );
    const notified = events.find((event) => event.groupName !== null)?.groupName ?? null;
    return (
      `{"change":true,"user_id":${memberships.userId},"notified_group":${JSON.stringify(notified)},` +
      `"user_groups":${JSON.stringify(groupNames(memberships))},"recent_messages":${listOf(messages)},` +
      `"messages_count":${messages.length},"cursor":"${cursor}",` +
      `"events":${listOf(events.map((event) => jsonFor(event, memberships.userId)))}${signalsOf(ephemeral)}}`
    );
  });
  return route({
    method: 'get',
    path: '/subscribe/user',
    servedBy: 'every node in service',
    requires: 'user',
    waits: true,
    summary: "One long poll for all of a user's groups; 204 with the header Cursor after the timeout",
    input: z.object({
      user_id: actingUserId('The user whose groups the poll waits for'),
      userId: id.optional().describe('Alias of user_id.'),
      cursor,
      timeout: pollTimeout,
      ephemeral,
    }),
    responseBody: userResponse,
    errorStatuses: [404, 410],
    async handle({ input, caller, response, lifetime }) {
      const userId = requireUserId(caller, input.user_id ?? input.userId, 'user_id');
      const audience = async () => new UserAudience(await memberships.of(userId));
      await polls.run(response, lifetime, { ...pollOf(input, caller), audience, render });
      return undefined;
    },
  });
}

function streamRoute({ streams, memberships }: Services): Route {
  return route({
    method: 'get',
    path: '/events',
    servedBy: 'every node in service',
    requires: 'user',
    waits: true,
    takesTokenInQuery: true,
    summary: "All of a user's groups as server-sent events; continues from Last-Event-ID, or from cursor",
    input: z.object({
      userId: actingUserId('The user whose groups the stream follows'),
      cursor,
      access_token: z.string().max(MAX_JWT_LENGTH).optional(),
      ephemeral: wantsEphemeral.describe('0 leaves out the event `ephemeral`: typing and presence.'),
    }),
    content: 'text/event-stream',
    errorStatuses: [404, 410],
    headers: ['Last-Event-ID'],
    async handle({ input, caller, request, response, lifetime }) {
      const userId = requireUserId(caller, input.userId);
      const audience = async () => new UserAudience(await memberships.of(userId));
      // A browser that reconnects uses its first URL again. The header says how far it has read since.
      const cursor = request.get('Last-Event-ID') || input.cursor;
      if (request.method === 'HEAD') response.type('text/event-stream').end();
      else
        await streams.run(response, lifetime, {
          audience,
          userId: caller.userId,
          cursor,
          ephemeral: input.ephemeral !== '0',
        });
      return undefined;
    },
  });
}

/** The response to POST /notify/{group}. */
export const notifyResponse = z.object({ message: z.string(), cursor: z.string() });

function notifyRoute({ notifications, notificationLimits, eventLog }: Services): Route {
  return route({
    method: 'post',
    path: '/notify/:group',
    servedBy: 'active node',
    requires: 'user or admin',
    summary: 'Sends a notification to all polls and streams that wait for this name, or with `all` to everyone',
    input: z.object({ group: groupName, payload: json.optional() }),
    responseBody: notifyResponse,
    responseExample: { message: 'notification sent to group Grupo Geral' },
    errorStatuses: [409, 413],
    headers: ['Idempotency-Key'],
    async handle({ input, caller, request }) {
      if (input.group === 'all' && !caller.isAdmin) {
        throw new Refused('forbidden', { sentence: 'a notification to all requires the ADMIN_TOKEN' });
      }
      const bytes = input.payload === undefined ? 0 : Buffer.byteLength(JSON.stringify(input.payload));
      if (bytes > PAYLOAD_LIMIT) throw new HttpError('too_large', 'payload must have 64 KiB or less');
      if (bytes > 0 && isStoredBeyond(STORED_PAYLOAD_LIMIT, input.payload)) throw new Refused('too_large');
      const position = await notifications.notify(
        input.group,
        input.payload,
        caller.userId,
        requestKeyOf(request, caller.userId, input),
        () => notificationLimits.count(clientKey(caller.userId, request), bytes),
      );
      const reached = input.group === 'all' ? 'all groups' : `group ${input.group}`;
      return { body: { message: `notification sent to ${reached}`, cursor: await eventLog.cursorOf(position) } };
    },
  });
}
