import type { Calls } from './calls/calls.ts';
import { decodeBody } from './decoding.ts';
import type { PollSource } from './event-iterator.ts';
import type { NodeRequest } from './requests/single-request.ts';
import type { ChatList, MessagePage } from './types.ts';

/** Returns the source of all events of the signed-in user's groups. */
export function userSource(calls: Calls): PollSource {
  const { connection } = calls;
  return {
    now: async (signal) => {
      const request: NodeRequest = { method: 'GET', path: '/chats', query: { userId: calls.me() } };
      return decodeBody<ChatList>(await connection.readPatiently(request, signal), 'cursor').cursor;
    },
    poll: (cursor, wantsEphemeral, signal) => {
      const query = { user_id: calls.me(), cursor, ...(wantsEphemeral && { ephemeral: 1 }) };
      return connection.poll({ method: 'GET', path: '/subscribe/user', query }, signal);
    },
  };
}

/** Returns the source of the events of one group. */
export function groupSource({ connection }: Calls, groupId: number): PollSource {
  return {
    now: async (signal) => {
      const request: NodeRequest = { method: 'GET', path: '/messages', query: { groupId, limit: 1 } };
      return decodeBody<MessagePage>(await connection.readPatiently(request, signal), 'cursor').cursor;
    },
    poll: (cursor, wantsEphemeral, signal) => {
      const query = { groupId, cursor, ...(wantsEphemeral && { ephemeral: 1 }) };
      return connection.poll({ method: 'GET', path: '/subscribe/status', query }, signal);
    },
  };
}
