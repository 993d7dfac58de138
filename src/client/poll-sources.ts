import type { Calls } from './calls/calls.ts';
import { decodeBody } from './decoding.ts';
import type { PollSource } from './event-iterator.ts';
import type { NodeRequest } from './requests/single-request.ts';
import type { ChatList, MessagePage } from './types.ts';

/** Sends the Ephemeral-Cursor of the previous response, so that no signal between two polls is missed. */
function pollsWithMark({ connection }: Calls) {
  let mark = '1';
  return async (path: string, query: NodeRequest['query'], wantsEphemeral: boolean, signal: AbortSignal) => {
    const marked = { ...query, ...(wantsEphemeral && { ephemeral: mark }) };
    const response = await connection.poll({ method: 'GET', path, query: marked }, signal);
    mark = response.headers.get('Ephemeral-Cursor') ?? '1';
    return response;
  };
}

/** Returns the source of all events of the signed-in user's groups. */
export function userSource(calls: Calls): PollSource {
  const { connection } = calls;
  const poll = pollsWithMark(calls);
  return {
    now: async (signal) => {
      const request: NodeRequest = { method: 'GET', path: '/chats', query: { userId: calls.me() } };
      return decodeBody<ChatList>(await connection.readPatiently(request, signal), 'cursor').cursor;
    },
    poll: (cursor, wantsEphemeral, signal) =>
      poll('/subscribe/user', { user_id: calls.me(), cursor }, wantsEphemeral, signal),
  };
}

/** Returns the source of the events of one group. */
export function groupSource(calls: Calls, groupId: number): PollSource {
  const { connection } = calls;
  const poll = pollsWithMark(calls);
  return {
    now: async (signal) => {
      const request: NodeRequest = { method: 'GET', path: '/messages', query: { groupId, limit: 1 } };
      return decodeBody<MessagePage>(await connection.readPatiently(request, signal), 'cursor').cursor;
    },
    poll: (cursor, wantsEphemeral, signal) => poll('/subscribe/status', { groupId, cursor }, wantsEphemeral, signal),
  };
}
