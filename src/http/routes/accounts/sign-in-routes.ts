import { z } from 'zod';
import type { SignedIn } from '../../../chat/auth/accounts.ts';
import { networkOf } from '../../../chat/auth/client-network.ts';
import { deviceLabel } from '../../../chat/auth/device-label.ts';
import { looksLikeJwt } from '../../../chat/auth/jwt/jwt-verifier.ts';
import { actingUserId } from '../../contract/request-schemas.ts';
import { givenPassword, MIN_PASSWORD_LENGTH, password, TOO_SHORT, username } from '../../contract/text-schemas.ts';
import { invalid } from '../../http-error.ts';
import { adminTokenCheck, bearerOf, requireSelf, tokenHashOf } from '../../request/checks/authentication.ts';
import { clientAddressOf } from '../../request/checks/client-address.ts';
import { requestKeyOf } from '../../request/idempotency-key.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

const token = z.string().describe('Send it as Authorization: Bearer <token>. Shown only once.');

/** The identity of the cluster, by which a client recognises its nodes: each node also returns it at /health. */
const identity = {
  cluster: z.string().nullable().describe('The id of the cluster'),
  epoch: z.string().describe('The history of its event log'),
};

/** `/register`, `/login`, `/logout` and `/tokens`. */
export function signInRoutes(services: Services): Route[] {
  return [registerRoute(services), loginRoute(services), logoutRoute(services), tokensRoute(services)];
}

function registerRoute({ accounts, adminToken, authMode, cluster }: Services): Route {
  const isAdminToken = adminTokenCheck(adminToken);
  const answer = (signedIn: SignedIn, message: string) => ({
    user_id: signedIn.userId,
    username: signedIn.username,
    token: signedIn.token,
    message,
    cluster: cluster.id,
    epoch: cluster.epoch,
  });
  return route({
    method: 'post',
    path: '/register',
    servedBy: 'active node',
    unqueued: true,
    requires: 'anyone',
    summary: 'Creates an account with a password; with the ADMIN_TOKEN also sets the password of an existing account',
    description:
      'A repeated request with the same Idempotency-Key and password signs in to the account that the first one created, and returns a token of its own',
    input: z.object({ username, password }),
    status: 201,
    alsoStatuses: [200],
    responseBody: z.object({ user_id: z.number(), username: z.string(), token, message: z.string(), ...identity }),
    responseExample: { message: 'user registered' },
    errorStatuses: [401, 409],
    headers: ['Idempotency-Key'],
    async handle({ input, request }) {
      const hash = tokenHashOf(request);
      if (authMode === 'token' && hash !== null && isAdminToken(hash)) {
        const signedIn = await accounts.setPassword(input.username, input.password);
        const { created } = signedIn;
        return created
          ? { status: 201, body: answer(signedIn, 'user registered') }
          : { status: 200, body: answer(signedIn, 'password changed') };
      }
      // Without the password: a hash of both would let a reader of the database guess it.
      const key = requestKeyOf(request, null, { username: input.username });
      const signedIn = await accounts.register(
        { ...input, network: networkOf(clientAddressOf(request)), device: deviceLabel(request.headers['user-agent']) },
        key,
      );
      return { status: 201, body: answer(signedIn, 'user registered') };
    },
  });
}

/** The response to POST /login. */
export const loginResponse = z.object({
  user_id: z.number(),
  username: z.string(),
  created: z.boolean(),
  token,
  ...identity,
});

function loginRoute({ accounts, users, authMode, cluster }: Services): Route {
  return route({
    method: 'post',
    path: '/login',
    servedBy: 'active node',
    unqueued: true,
    requires: 'anyone',
    summary:
      authMode === 'token'
        ? 'Signs in to an account with its password'
        : 'Signs in under a name, and creates the account if there is none; an account with a password requires it',
    description: 'Repeating it is safe: it signs in to the same account with another token; `created` is then false',
    input: z.object({
      username,
      password: authMode === 'token' ? givenPassword : givenPassword.optional(),
    }),
    responseBody: loginResponse,
    errorStatuses: [401],
    async handle({ input, request }) {
      const given = input.password ?? null;
      // For an existing account a short password is wrong; for a new account it is too short.
      if (authMode === 'open' && given !== null && given.length < MIN_PASSWORD_LENGTH) {
        if (!(await users.find(input.username))) throw invalid('password', TOO_SHORT);
      }
      const { userId, username, created, token } = await accounts.logIn({
        username: input.username,
        password: given,
        network: networkOf(clientAddressOf(request)),
        tokenHash: tokenHashOf(request),
        device: deviceLabel(request.headers['user-agent']),
      });
      const { id, epoch } = cluster;
      return { body: { user_id: userId, username, created, token, cluster: id, epoch } };
    },
  });
}

function logoutRoute({ tokens }: Services): Route {
  return route({
    method: 'post',
    path: '/logout',
    servedBy: 'active node',
    requires: 'user',
    summary: 'Revokes the token of this request; every node rejects it within a second',
    description: 'Repeating it is safe: 401 then means that the first request succeeded',
    input: z.object({}),
    responseBody: z.object({ message: z.string() }),
    responseExample: { message: 'logged out' },
    async handle({ request, caller }) {
      const credential = bearerOf(request);
      const isJwt = credential !== null && looksLikeJwt(credential);
      if (credential !== null && !isJwt) await tokens.revoke(credential);
      // With AUTH=open no JWT is verified, and any client could make one up.
      if (isJwt && caller.token !== null) await tokens.revokeJwt(credential);
      return { body: { message: 'logged out' } };
    },
  });
}

function tokensRoute({ tokens }: Services): Route {
  return route({
    method: 'delete',
    path: '/tokens',
    servedBy: 'active node',
    requires: 'user or admin',
    summary: 'Revokes all tokens of the caller; with the ADMIN_TOKEN those of any user',
    input: z.object({ userId: actingUserId('The user whose tokens are revoked, by default the caller') }),
    responseBody: z.object({
      message: z.string(),
      user_id: z.number(),
      revoked: z.number().describe('How many valid tokens were revoked.'),
    }),
    responseExample: { message: 'tokens revoked' },
    async handle({ input, caller }) {
      const userId = input.userId ?? caller.userId;
      if (userId === null) throw invalid('userId', 'is required');
      requireSelf(caller, userId);
      return { body: { message: 'tokens revoked', user_id: userId, revoked: await tokens.revokeAll(userId) } };
    },
  });
}
