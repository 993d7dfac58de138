import { timingSafeEqual } from 'node:crypto';
import type { Request, Response } from 'express';
import type { CachedToken, TokenCache } from '../../chat/auth/token-cache.ts';
import { looksLikeToken, tokenHash } from '../../chat/auth/tokens.ts';
import { Refused } from '../../chat/errors.ts';
import type { Groups } from '../../chat/groups.ts';
import { HttpError } from '../http-error.ts';
import { queryOf } from './query.ts';
import type { RequestLifetime } from './request-lifetime.ts';

/** What a route requires with AUTH=token: nothing, a signed-in user, the ADMIN_TOKEN, or either of them. */
export type Requirement = 'anyone' | 'user' | 'admin' | 'user or admin';

/** The authenticated caller. With AUTH=open callers are not authenticated: a request's `userId` is trusted. */
export interface Caller {
  /** The signed-in user; null where AUTH=open, and for the holder of ADMIN_TOKEN. */
  readonly userId: number | null;
  /** May run the cluster (fall, revive, switch over, notify all). */
  readonly isAdmin: boolean;
  /** What the caller came in with, where it is a user's token. */
  readonly token: CachedToken | null;
}

/** How callers are found out. */
export interface Authenticator {
  /**
   * Who calls, and whether that one may call a route for `who`: at once where it is known, else by a promise.
   * @throws {HttpError} (or rejects with) 401 where a token is wanted and none, or a bad one, was given; 403 for another's.
   */
  authenticate(request: Request, who: Requirement): Caller | Promise<Caller>;
  /** The user who is known to call, without asking anybody; null for everybody else. */
  peekUserId(request: Request): number | null;
}

/** Everybody where AUTH=open, and the holder of ADMIN_TOKEN. */
const trusted: Caller = { userId: null, isAdmin: true, token: null };
const stranger: Caller = { userId: null, isAdmin: false, token: null };

/** AUTH=open: whoever says userId is believed, as in the seed. */
export const trustEveryone: Authenticator = { authenticate: () => trusted, peekUserId: () => null };

/** AUTH=token: the header `Authorization: Bearer` carries a user's token or the ADMIN_TOKEN. */
export function authenticateByToken(
  tokens: Pick<TokenCache, 'find' | 'peek'>,
  adminToken: string | null,
): Authenticator {
  const isAdminToken = adminTokenCheck(adminToken);
  return {
    peekUserId(request) {
      const credential = bearerOf(request);
      return credential === null ? null : (tokens.peek(tokenHash(credential))?.userId ?? null);
    },
    authenticate(request, who) {
      if (who === 'anyone') return stranger;
      const credential = bearerOf(request);
      if (credential === null) throw unauthenticated('send the header Authorization: Bearer <token>; /login gives one');
      const hash = tokenHash(credential);
      if (isAdminToken(hash)) return admit(trusted, who);
      if (!looksLikeToken(credential)) throw unauthenticated();
      const found = tokens.find(hash);
      return found instanceof Promise ? found.then((known) => admit(userOf(known), who)) : admit(userOf(found), who);
    },
  };
}

/** Tells whether a credential of this hash is the ADMIN_TOKEN, in constant time. */
export function adminTokenCheck(adminToken: string | null): (hash: string) => boolean {
  if (adminToken === null) return () => false;
  const wanted = Buffer.from(tokenHash(adminToken));
  return (hash) => timingSafeEqual(Buffer.from(hash), wanted);
}

/** The longest ADMIN_TOKEN, with room for its scheme and spaces. */
const LONGEST_CREDENTIAL = 600;

/** The credential of `Authorization: Bearer`, or null where there is none. */
export function bearerOf(request: Request): string | null {
  const { authorization = '' } = request.headers;
  if (authorization.length > LONGEST_CREDENTIAL) return null;
  return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(authorization)?.[1] ?? null;
}

const ACCESS_TOKEN = new Set(['access_token']);

/**
 * Takes the parameter `access_token` of the query for the header, where there is none (RFC 6750, 2.3). Addresses end up in
 * the logs of proxies, so only streams of browsers may do that.
 */
export function bearTokenOfQuery(request: Request): void {
  const { access_token: token } = queryOf(request.url, ACCESS_TOKEN);
  if (typeof token === 'string') request.headers.authorization ??= `Bearer ${token}`;
}

function userOf(known: CachedToken | null): Caller {
  if (known === null) throw unauthenticated();
  return { userId: known.userId, isAdmin: false, token: known };
}

function admit(caller: Caller, who: Requirement): Caller {
  if (who === 'admin' && !caller.isAdmin) throw new HttpError(403, 'forbidden', 'this needs the ADMIN_TOKEN');
  if (who === 'user' && caller.userId === null) {
    throw new HttpError(403, 'forbidden', "this needs a user's token: the ADMIN_TOKEN is nobody's account");
  }
  return caller;
}

/** 401, with the header that says how to come in. */
function unauthenticated(sentence = 'this token is unknown, expired or revoked: sign in again'): HttpError {
  return new HttpError(401, 'unauthenticated', sentence, { headers: { 'WWW-Authenticate': 'Bearer realm="plantao"' } });
}

/** @throws {HttpError} 403 where the caller is known and is somebody else. */
export function requireSelf(caller: Caller, userId: number): void {
  if (caller.userId !== null && caller.userId !== userId) {
    throw new HttpError(403, 'forbidden', 'this userId is not yours');
  }
}

/** @throws {Refused} not_a_member where the caller is known and is not in the group. */
export async function requireMember(caller: Caller, groupId: number, groups: Pick<Groups, 'isMember'>): Promise<void> {
  if (caller.userId !== null && !(await groups.isMember(groupId, caller.userId))) throw new Refused('not_a_member');
}

/** Ends a long poll or a stream when the token that opened it is revoked or expires (401), or is to be shown again (503). */
export function endWithToken({ token }: Caller, response: Response, lifetime: RequestLifetime): void {
  if (token === null) return;
  const end = () => {
    // A stream is cut: its client comes again and is told.
    if (response.headersSent) return void response.destroy();
    const { status, headers, body } = endOf(token);
    response.set(headers).status(status).json(body);
  };
  if (token.ended.hasHappened) throw endOf(token);
  if (lifetime.isOver) return;
  token.ended.add(end);
  lifetime.onOver(() => token.ended.remove(end));
}

function endOf({ ended }: CachedToken): HttpError {
  if (ended.reason === 'revoked') return unauthenticated();
  return new HttpError(503, 'unavailable', 'this node has to look at your token again: try again', {
    headers: { 'Retry-After': '1' },
  });
}
