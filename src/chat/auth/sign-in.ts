import type { Sequelize } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { Log } from '../../log.ts';
import type { Users } from '../users.ts';
import { Accounts } from './accounts.ts';
import { Passwords } from './passwords.ts';
import { SignInLimits } from './sign-in-limits.ts';
import { TokenCache } from './token-cache.ts';
import { Tokens } from './tokens.ts';

/** What signing in is made of; of the node's settings, those that matter here. */
export interface SignInOptions {
  sequelize: Sequelize;
  write: Write;
  users: Users;
  /** Of its own, for the look at tokens and revocations. */
  session: ReconnectingSession;
  log: Log;
  settings: {
    readonly auth: 'open' | 'token';
    readonly tokenHours: number;
    readonly signInTries: number;
    readonly signInTriesOfAddress: number;
    readonly requestsPerMinute: number;
    readonly maxWaiters: number;
  };
}

/** Accounts that one address may register in an hour, where clients are limited at all: a classroom, not a flood. */
const REGISTRATIONS = 100;

/** Puts the parts of signing in together. `knownTokens` is to be started where tokens are asked for, and stopped. */
export function openSignIn({ sequelize, write, users, session, log, settings }: SignInOptions) {
  const tokens = new Tokens(sequelize, write, settings.tokenHours);
  const limits = new SignInLimits(sequelize, log, {
    ofAccount: settings.signInTries,
    ofAddress: settings.signInTriesOfAddress,
    registrations: settings.requestsPerMinute > 0 ? REGISTRATIONS : 0,
  });
  const passwordsOnly = settings.auth === 'token';
  return {
    tokens,
    // Every waiter may have a token of its own, and as many may come and go beside them.
    knownTokens: new TokenCache({ session, log, most: Math.max(50_000, 2 * settings.maxWaiters) }),
    accounts: new Accounts({ users, passwords: new Passwords(), tokens, limits, write, passwordsOnly }),
  };
}
