import type { Sequelize } from 'sequelize';
import type { ToBlockedError } from '../../database/checks/blocking.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import type { Log } from '../../log/log.ts';
import type { Users } from '../users/users.ts';
import { AccountChanges } from './account-changes.ts';
import { Accounts } from './accounts.ts';
import type { JwtRules } from './jwt/jwt-rules.ts';
import { JwtVerifier } from './jwt/jwt-verifier.ts';
import { Passwords } from './passwords.ts';
import { SignInLimits } from './sign-in-limits.ts';
import { TokenCache } from './token-cache.ts';
import { Tokens } from './tokens.ts';

/** Options of {@link buildSignIn}. */
export interface SignInOptions {
  sequelize: Sequelize;
  write: Write;
  users: Users;
  /** A session of its own, for look-ups of tokens and revocations. */
  session: ReconnectingSession;
  toBlockedError: ToBlockedError;
  log: Log;
  settings: {
    readonly auth: 'open' | 'token';
    readonly jwt: JwtRules | null;
    readonly tokenHours: number;
    readonly signInTries: number;
    readonly signInTriesOfAddress: number;
    readonly requestsPerMinute: number;
    readonly maxWaiters: number;
  };
}

/** Maximum number of accounts that one address may register in an hour, if REQUESTS_PER_MINUTE is not 0: enough for a classroom. */
const REGISTRATIONS = 100;

/** Creates the services with which users sign in. The caller starts the token cache if AUTH=token, and always stops it. */
export function buildSignIn({ sequelize, write, users, session, toBlockedError, log, settings }: SignInOptions) {
  const tokens = new Tokens(write, settings.tokenHours);
  const limits = new SignInLimits(sequelize, log, {
    ofAccount: settings.signInTries,
    ofAddress: settings.signInTriesOfAddress,
    registrations: settings.requestsPerMinute > 0 ? REGISTRATIONS : 0,
  });
  const passwords = new Passwords();
  const passwordsOnly = settings.auth === 'token';
  // A token for each waiter, and as many again for clients that do not wait.
  const maxTokens = Math.max(50_000, 2 * settings.maxWaiters);
  const tokenCache = new TokenCache({ session, log, toBlockedError, maxTokens });
  return {
    tokens,
    tokenCache,
    jwtVerifier: settings.jwt && new JwtVerifier(settings.jwt, log, () => tokenCache.forgetJwts()),
    accountChanges: new AccountChanges({ sequelize, write, passwords, limits, tokens, auth: settings.auth }),
    accounts: new Accounts({ sequelize, users, passwords, tokens, limits, write, passwordsOnly }),
  };
}
