import type { Request } from 'express';
import { z } from 'zod';
import { networkOf } from '../../../chat/auth/client-network.ts';
import { deviceLabel } from '../../../chat/auth/device-label.ts';
import { afterCommit } from '../../../database/writes/after-commit.ts';
import { actingUserId } from '../../contract/request-schemas.ts';
import { givenPassword, password, username } from '../../contract/text-schemas.ts';
import { requireUserId, tokenHashOf } from '../../request/checks/authentication.ts';
import { clientAddressOf } from '../../request/checks/client-address.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

const userId = actingUserId();
const NO_SESSION = 'must be the id of a session, as in GET /sessions';
const sessionId = z.string(NO_SESSION).regex(/^[0-9a-f]{24}$/, NO_SESSION);
/** The response to GET and PATCH /me. */
export const account = z.object({
  id: z.number(),
  username: z.string(),
  created_at: z.iso.datetime(),
  has_password: z.boolean(),
});

/** `/me`, `/password`, `/delete-account` and `/sessions`: a user's own account. */
export function accountRoutes(services: Services): Route[] {
  return [
    meRoute(services),
    renameRoute(services),
    eraseRoute(services),
    passwordRoute(services),
    sessionsRoute(services),
    endSessionRoute(services),
  ];
}

function meRoute({ accountChanges }: Services): Route {
  return route({
    method: 'get',
    path: '/me',
    servedBy: 'every node in service',
    requires: 'user',
    summary: "The caller's account",
    input: z.object({ userId }),
    errorStatuses: [404],
    responseBody: account,
    async handle({ input, caller }) {
      return { body: await accountChanges.get(requireUserId(caller, input.userId)) };
    },
  });
}

function renameRoute({ accountChanges }: Services): Route {
  return route({
    method: 'patch',
    path: '/me',
    servedBy: 'active node',
    requires: 'user',
    summary: "Renames the caller's account; messages show the new name, and its groups get the event user_renamed",
    input: z.object({ username, userId }),
    errorStatuses: [404, 409],
    responseBody: account,
    async handle({ input, caller }) {
      const own = requireUserId(caller, input.userId);
      await accountChanges.rename(own, input.username);
      return { body: await afterCommit(() => accountChanges.get(own)) };
    },
  });
}

function eraseRoute({ accountChanges }: Services): Route {
  return route({
    method: 'post',
    path: '/delete-account',
    servedBy: 'active node',
    unqueued: true,
    requires: 'user',
    summary:
      "Deletes the caller's account and revokes its tokens; its messages stay under the name deleted-…, or are erased",
    description:
      'Repeating it is safe: 401 or 404 then means that the account is deleted. After an interrupted request, the service removes the remaining messages and reactions within minutes',
    input: z.object({
      password: givenPassword.optional().describe('Required for an account that has one.'),
      messages: z
        .enum(['keep', 'erase'], 'must be keep or erase')
        .default('keep')
        .describe('Whether the messages stay under the name deleted-…, or are erased.'),
      userId,
    }),
    errorStatuses: [404],
    responseBody: z.object({ message: z.string(), user_id: z.number() }),
    responseExample: { message: 'account deleted' },
    async handle({ input, caller, request }) {
      const owner = ownerOf(request, requireUserId(caller, input.userId), input.password);
      await accountChanges.erase(owner, input.messages === 'erase' ? 'erase' : 'anonymise');
      return { body: { message: 'account deleted', user_id: owner.userId } };
    },
  });
}

/** The response to POST /password. */
export const passwordResponse = z.object({
  message: z.string(),
  user_id: z.number(),
  token: z.string().describe('Shown only once.'),
});

function passwordRoute({ accountChanges }: Services): Route {
  return route({
    method: 'post',
    path: '/password',
    servedBy: 'active node',
    unqueued: true,
    requires: 'user',
    summary:
      'Changes the password of an account, or sets its first one, and ends all its sessions; the caller gets a new token',
    description:
      'With AUTH=open, anyone can sign in to an account without a password by its name, until it has one. A first password requires a token of the account in the header Authorization, with AUTH=open too: a userId alone is not enough. With AUTH=open, requests that name a userId need no session, before and after the change: only AUTH=token prevents them. After a lost response do not repeat it: log in with the new password, or with the old one if that is refused',
    input: z.object({
      oldPassword: givenPassword.optional().describe('Required for an account that has one.'),
      password,
      userId,
    }),
    errorStatuses: [401, 404],
    responseBody: passwordResponse,
    responseExample: { message: 'password changed' },
    async handle({ input, caller, request }) {
      const owner = ownerOf(request, requireUserId(caller, input.userId), input.oldPassword);
      const token = await accountChanges.changePassword(owner, input.password);
      return { body: { message: 'password changed', user_id: owner.userId, token } };
    },
  });
}

/** The response to GET /sessions. */
export const sessionsResponse = z.object({
  user_id: z.number(),
  sessions: z.array(
    z.object({
      id: z.string().meta({ examples: ['5f0c1c4e3b7a4c559a430d8f'] }),
      device: z.string().nullable().describe('The browser and the system of the device; null if unknown.'),
      created_at: z.iso.datetime(),
      expires_at: z.iso.datetime(),
      current: z.boolean().describe("True for the request's own token."),
    }),
  ),
});

function sessionsRoute({ accountChanges }: Services): Route {
  return route({
    method: 'get',
    path: '/sessions',
    servedBy: 'every node in service',
    requires: 'user',
    summary: "The caller's signed-in devices, newest first",
    description: 'Each has one token. JWTs are not listed: POST /logout ends one, and DELETE /tokens ends all',
    input: z.object({ userId }),
    responseBody: sessionsResponse,
    async handle({ input, caller, request }) {
      const own = requireUserId(caller, input.userId);
      return { body: { user_id: own, sessions: await accountChanges.sessions(own, tokenHashOf(request)) } };
    },
  });
}

function endSessionRoute({ accountChanges }: Services): Route {
  return route({
    method: 'delete',
    path: '/sessions',
    servedBy: 'active node',
    requires: 'user',
    summary: "Ends one of the caller's sessions; every node rejects its token within a second. DELETE /tokens ends all",
    input: z.object({ sessionId, userId }),
    errorStatuses: [404],
    responseBody: z.object({ message: z.string() }),
    responseExample: { message: 'session ended' },
    async handle({ input, caller }) {
      await accountChanges.endSession(requireUserId(caller, input.userId), input.sessionId);
      return { body: { message: 'session ended' } };
    },
  });
}

const ownerOf = (request: Request, userId: number, password: string | undefined) => ({
  userId,
  password: password ?? null,
  network: networkOf(clientAddressOf(request)),
  tokenHash: tokenHashOf(request),
  device: deviceLabel(request.headers['user-agent']),
});
