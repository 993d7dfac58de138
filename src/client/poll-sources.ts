import type { Calls } from './calls/calls.ts';
import { decodeBody } from './decoding.ts';
import { RefusedError } from './errors.ts';
import type { PollSource } from './event-iterator.ts';
import type { ApiRequest } from './requests/single-request.ts';
import type { ChatList, MessagePage } from './types.ts';

/** The user of a stream. */
interface StreamUser {
  userId: number | undefined;
  token: string | undefined;
}

/**
 * Returns a function that returns the user of a stream: the one who is signed in now, or else the first one who signs in. It
 * stays the same if another user signs in later.
 */
function streamUser(calls: Calls): () => StreamUser {
  let { userId } = calls;
  let { token } = calls.connection;
  return () => {
    userId ??= calls.userId;
    // A new token of the same user replaces the former, which a change of the password revokes.
    if (calls.userId === userId) token = calls.connection.token;
    return { userId, token };
  };
}

/**
 * Returns a function that polls with the current token of the user, and with the Ephemeral-Cursor of the previous response, so that
 * no signal between two polls is missed.
 */
function pollWithEphemeralCursor({ connection }: Calls, userNow: () => StreamUser) {
  let ephemeralCursor = '1';
  type Query = ApiRequest['query'];
  return async (path: string, query: Query, wantsEphemeral: boolean, signal: AbortSignal) => {
    const completed = { ...query, ...(wantsEphemeral && { ephemeral: ephemeralCursor }) };
    const { token } = userNow();
    const send = (by: string | undefined) => connection.poll({ method: 'GET', path, query: completed }, by, signal);
    const response = await send(token).catch(async (error) => {
      if (!(error instanceof RefusedError) || error.status !== 401) throw error;
      // The poll ends as soon as the token is revoked. The response to the revoking call, with a new token if any, comes after that.
      await connection.revocation;
      const renewed = userNow().token;
      if (renewed === token) throw error;
      return send(renewed);
    });
    ephemeralCursor = response.headers.get('Ephemeral-Cursor') ?? '1';
    return response;
  };
}

/** Returns the source of all events of the signed-in user's groups. */
export function userSource(calls: Calls): PollSource {
  const { connection } = calls;
  const userNow = streamUser(calls);
  const poll = pollWithEphemeralCursor(calls, userNow);
  const requireUser = () => {
    calls.me();
    return userNow();
  };
  return {
    now: async (signal) => {
      const { userId, token } = requireUser();
      const request: ApiRequest = { method: 'GET', path: '/chats', query: { userId } };
      return decodeBody<ChatList>(await connection.readWithRetries(request, token, signal), 'cursor').cursor;
    },
    poll: async (cursor, wantsEphemeral, signal) => {
      const { userId } = requireUser();
      return poll('/subscribe/user', { user_id: userId, cursor }, wantsEphemeral, signal);
    },
  };
}

/** Returns the source of the events of one group. */
export function groupSource(calls: Calls, groupId: number): PollSource {
  const { connection } = calls;
  const userNow = streamUser(calls);
  const poll = pollWithEphemeralCursor(calls, userNow);
  return {
    now: async (signal) => {
      const request: ApiRequest = { method: 'GET', path: '/messages', query: { groupId, limit: 1 } };
      return decodeBody<MessagePage>(await connection.readWithRetries(request, userNow().token, signal), 'cursor')
        .cursor;
    },
    poll: (cursor, wantsEphemeral, signal) => poll('/subscribe/status', { groupId, cursor }, wantsEphemeral, signal),
  };
}
