import { timingSafeEqual } from 'node:crypto';
import type { Request, Response } from 'express';
import type { CachedToken } from '../../../chat/auth/cached-tokens.ts';
import { JwtRefusedError, KeysUnavailableError } from '../../../chat/auth/jwt/jwt-errors.ts';
import type { JwtSessions } from '../../../chat/auth/jwt/jwt-sessions.ts';
import { looksLikeJwt, MAX_JWT_LENGTH } from '../../../chat/auth/jwt/jwt-verifier.ts';
import type { TokenCache } from '../../../chat/auth/token-cache.ts';
import { looksLikeToken, tokenHash } from '../../../chat/auth/tokens.ts';
import { Refused } from '../../../chat/errors.ts';
import type { Actor } from '../../../chat/groups/administration.ts';
import type { Groups } from '../../../chat/groups/groups.ts';
import { HttpError, invalid, serviceUnavailable } from '../../http-error.ts';
import { sendError } from '../../response/send-error.ts';
import { queryOf } from '../query.ts';
import { type RequestLifetime, SENDING_MS } from '../request-lifetime.ts';

/** The caller that a route requires with AUTH=token: nothing, a signed-in user, the ADMIN_TOKEN, or either of them. */
export type Requirement = 'anyone' | 'user' | 'admin' | 'user or admin';

/** The authenticated caller. With AUTH=open callers are not authenticated: a request's `userId` is trusted. */
export interface Caller {
  /** The signed-in user; null with AUTH=open, and for the administrator. */
  readonly userId: number | null;
  /** True if the caller may operate the cluster (fall, revive, switch over, notify all). */
  readonly isAdmin: boolean;
  /** The user's token, if the caller sent one. */
  readonly token: CachedToken | null;
}

/** Authenticates requests. */
export interface Authenticator {
  /**
   * Returns the caller of a route with this requirement: without a promise if the token is cached.
   * @throws {HttpError} (or rejects with) 401 for a missing or invalid token, 403 for a caller who does not meet the requirement.
   */
  authenticate(request: Request, requires: Requirement): Caller | Promise<Caller>;
  /** Returns the user id of a cached token; null otherwise. Queries nothing. */
  peekUserId(request: Request): number | null;
}

/** Every caller with AUTH=open, and the administrator. */
const trusted: Caller = { userId: null, isAdmin: true, token: null };
const anonymous: Caller = { userId: null, isAdmin: false, token: null };

/** AUTH=open: trusts the `userId` of every request, which is compatible with the Python project that this one replaces. */
export const trustEveryone: Authenticator = { authenticate: () => trusted, peekUserId: () => null };

/** AUTH=token: the header `Authorization: Bearer` carries a user's token, the ADMIN_TOKEN, or with `jwts` a JWT. */
export function authenticateByToken(
  tokens: Pick<TokenCache, 'find' | 'peek'>,
  adminToken: string | null,
  jwts: Pick<JwtSessions, 'find'> | null = null,
): Authenticator {
  const isAdminToken = adminTokenCheck(adminToken);
  return {
    peekUserId(request) {
      const hash = tokenHashOf(request);
      return hash === null ? null : (tokens.peek(hash)?.userId ?? null);
    },
    authenticate(request, requires) {
      if (requires === 'anyone') return anonymous;
      const credential = bearerOf(request);
      if (credential === null)
        throw unauthenticated('send the header Authorization: Bearer <token>; POST /login returns a token');
      const hash = tokenHash(credential);
      if (isAdminToken(hash)) return admit(trusted, requires);
      const isJwt = jwts !== null && looksLikeJwt(credential);
      if (!isJwt && !looksLikeToken(credential)) throw unauthenticated();
      const found = isJwt ? jwts.find(credential, hash) : tokens.find(hash);
      return found instanceof Promise
        ? found.then((known) => admit(userOf(known), requires), translateJwtError)
        : admit(userOf(found), requires);
    },
  };
}

/** Returns a check of whether a credential with a given hash is the ADMIN_TOKEN. It takes constant time. */
export function adminTokenCheck(adminToken: string | null): (hash: string) => boolean {
  if (adminToken === null) return () => false;
  const expected = Buffer.from(tokenHash(adminToken));
  return (hash) => timingSafeEqual(Buffer.from(hash), expected);
}

/** Throws the error response for a JWT that is refused or cannot be checked, and other errors as they are. */
function translateJwtError(error: unknown): never {
  if (error instanceof JwtRefusedError) throw unauthenticated(`this JWT is refused: ${error.message}`);
  if (error instanceof KeysUnavailableError) {
    throw new Refused('unavailable', { sentence: 'JWTs cannot be checked at the moment: try again', cause: error });
  }
  throw error;
}

/** Longest `Authorization` header that is read: the longest JWT, and room for the scheme and spaces. */
const MAX_CREDENTIAL_LENGTH = MAX_JWT_LENGTH + 100;

/** Returns the credential of `Authorization: Bearer`; null if the request has none. */
export function bearerOf(request: Request): string | null {
  const { authorization = '' } = request.headers;
  if (authorization.length > MAX_CREDENTIAL_LENGTH) return null;
  return /^Bearer +([\x21-\x7e]{1,8192}) *$/i.exec(authorization)?.[1] ?? null;
}

/** Returns the hash of {@link bearerOf}, by which a token is stored. */
export function tokenHashOf(request: Request): string | null {
  const credential = bearerOf(request);
  return credential === null ? null : tokenHash(credential);
}

const ACCESS_TOKEN = new Set(['access_token']);

/**
 * Uses the query parameter `access_token` if the request has no `Authorization` header (RFC 6750, 2.3). Proxies log URLs, so
 * only routes for a browser's EventSource accept it.
 */
export function acceptTokenInQuery(request: Request): void {
  const { access_token: token } = queryOf(request.url, ACCESS_TOKEN);
  if (typeof token === 'string') request.headers.authorization ??= `Bearer ${token}`;
}

function userOf(known: CachedToken | null): Caller {
  if (known === null) throw unauthenticated();
  return { userId: known.userId, isAdmin: false, token: known };
}

function admit(caller: Caller, requires: Requirement): Caller {
  if (requires === 'admin' && !caller.isAdmin) {
    throw new HttpError('forbidden', 'this route requires the ADMIN_TOKEN');
  }
  if (requires === 'user' && caller.userId === null) {
    throw new HttpError('forbidden', "this route requires a user's token: the ADMIN_TOKEN belongs to no account");
  }
  return caller;
}

/** Returns a 401 with `WWW-Authenticate`. */
function unauthenticated(sentence = 'this token is unknown, expired or revoked: sign in again'): HttpError {
  return new HttpError('unauthenticated', sentence, { headers: { 'WWW-Authenticate': 'Bearer realm="plantao"' } });
}

/** Checks that an authenticated caller is this user. @throws {HttpError} 403 if it is another one. */
export function requireSelf(caller: Caller, userId: number): void {
  if (caller.userId !== null && caller.userId !== userId) {
    throw new HttpError('forbidden', 'this userId is not yours');
  }
}

/**
 * Returns the user for whom a request acts: the signed-in user, or with AUTH=open the given `userId`.
 * @throws {HttpError} 400 if neither is known; 403 if the given one is not the caller.
 */
export function requireUserId(caller: Caller, userId: number | undefined, field = 'userId'): number {
  if (userId !== undefined) requireSelf(caller, userId);
  const acting = caller.userId ?? userId;
  if (acting === undefined) throw invalid(field, 'must be a positive integer');
  return acting;
}

/**
 * Returns the user who changes a group: the signed-in user. With AUTH=open it is the user that the request names, if any, and only
 * the events show that user.
 * @throws {HttpError} 403 if another user than the caller is named.
 */
export function actorOf(caller: Caller, named: number | undefined): Actor {
  if (named !== undefined) requireSelf(caller, named);
  return { actorId: caller.userId, namedId: caller.userId ?? named ?? null };
}

/** Checks that an authenticated caller is in the group. @throws {Refused} not_a_member. */
export async function requireMember(caller: Caller, groupId: number, groups: Pick<Groups, 'isMember'>): Promise<void> {
  if (caller.userId !== null && !(await groups.isMember(groupId, caller.userId))) throw new Refused('not_a_member');
}

/** Ends a long poll or a stream when its token is revoked or expires (401), or must be checked again because the node has dropped it from its cache (503). */
export function endWithToken({ token }: Caller, response: Response, lifetime: RequestLifetime): void {
  if (token === null) return;
  const end = () => {
    // A stream has sent its status: close it. The client reconnects and gets the error then.
    if (response.headersSent) return void response.destroy();
    lifetime.allow(SENDING_MS);
    sendError(response, endOf(token));
  };
  if (token.ended.hasHappened) throw endOf(token);
  if (lifetime.isOver) return;
  token.ended.add(end);
  lifetime.onOver(() => token.ended.remove(end));
}

function endOf({ ended }: CachedToken): HttpError {
  if (ended.reason === 'revoked') return unauthenticated();
  return serviceUnavailable('unavailable', 'this node must check your token again: try again');
}
