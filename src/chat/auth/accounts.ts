import { hash } from 'node:crypto';
import type { Sequelize, Transaction } from 'sequelize';
import { modelsOf, type User } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { idempotentWrite, type RequestKey } from '../idempotency/idempotent-write.ts';
import { nameKey } from '../users/names.ts';
import { createUser, findUser, isInUse, type Users } from '../users/users.ts';
import type { VerifiedJwt } from './jwt/jwt-verifier.ts';
import type { Passwords } from './passwords.ts';
import type { SignInLimits } from './sign-in-limits.ts';
import type { TokenOrigin, Tokens } from './tokens.ts';

/** The result of signing in. */
export interface SignedIn {
  userId: number;
  username: string;
  created: boolean;
  token: string;
}

/** A request to sign in; `password` is null if it has none. */
export interface SignInRequest {
  username: string;
  password: string | null;
  /** The client's network, as limits count it: `networkOf` (client-network.ts). */
  network: string;
  /** Hash of the token sent with the request, which an earlier sign-in may have issued to this device. */
  tokenHash?: string | null;
  /** The device that signs in, as {@link deviceLabel} names it. */
  device?: string | null;
}

const NAME_REUSED = 'an account with this name was created and deleted meanwhile: try again';

/** Options of {@link Accounts}. */
export interface AccountsOptions {
  sequelize: Sequelize;
  users: Users;
  passwords: Passwords;
  tokens: Tokens;
  limits: SignInLimits;
  write: Write;
  /** True if a password is required (AUTH=token). Logging in then creates no accounts either. */
  passwordsOnly: boolean;
}

/**
 * Registers and logs in. An account with a password always requires it. With AUTH=open a name is enough for the other
 * accounts, which is compatible with the Python project that this one replaces. With AUTH=token they cannot be used, and an
 * unknown name takes the same time and gets the same response as a wrong password.
 */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /**
   * Logs in, or creates the account if AUTH=open.
   * @throws {Refused} unauthenticated, or overloaded if too many sign in at once; {RateLimitedError}; {NotActiveError}.
   */
  async logIn(request: SignInRequest): Promise<SignedIn> {
    const { username, password } = request;
    const user = await this.#options.users.find(username);
    if (!this.#options.passwordsOnly && (user === null || user.passwordHash === null)) {
      return this.#logInByName(user, request);
    }
    if (password === null) {
      throw new Refused('unauthenticated', { sentence: 'this account requires its password' });
    }
    return this.#logInByPassword(user, { ...request, password });
  }

  async #logInByPassword(user: User | null, request: SignInRequest & { password: string }): Promise<SignedIn> {
    const { username, password, network, tokenHash = null, device = null } = request;
    const { limits, passwords } = this.#options;
    const key = keyOf(username);
    const subject = user ? String(user.id) : key;
    const isRight = await passwords.withSlot({ source: network, subject }, async () => {
      const attempt = await limits.countAttempt({ userId: user?.id ?? null, nameKey: key, network, tokenHash });
      const matches = await passwords.matches(password, user?.passwordHash ?? null);
      if (matches) await attempt.succeeded();
      return matches;
    });
    if (user === null || !isRight) throw new Refused('unauthenticated');
    return this.#issueToken(user, device);
  }

  /**
   * Creates an account with a password. A repeated request with the same key logs in to the account that the first one created:
   * the token of the first is not stored, so the password is checked and another token is issued.
   * @throws {Refused} username_taken, overloaded, key_reused; unauthenticated for a repeated request with another password;
   * {RateLimitedError}; {NotActiveError}.
   */
  async register(request: SignInRequest & { password: string }, key: RequestKey | null = null): Promise<SignedIn> {
    const { username, password, network, device = null } = request;
    const { sequelize, write, users, limits } = this.#options;
    const made: { passwordHash: string; signedIn?: SignedIn } = { passwordHash: '' };
    const check = async () => {
      if (await users.find(username)) {
        // Counted too: otherwise a client could test name after name.
        await limits.register(network);
        throw new Refused('username_taken');
      }
      made.passwordHash = await this.#hashOfNew(password, network);
    };
    const create = async (transaction: Transaction) => {
      const user = await createUser(username, made.passwordHash, transaction);
      if (!user) throw new Refused('username_taken');
      made.signedIn = await this.#signIn(user, true, { proof: 'password', device }, transaction);
      return user.id;
    };
    const userId = await idempotentWrite(sequelize, write, key, create, check);
    return afterCommit(async () => {
      if (!made.signedIn) {
        const loggedIn = await this.#logInByPassword(await findUser(userId, sequelize), request);
        return { ...loggedIn, created: true };
      }
      await limits.remember({ userId, network });
      return made.signedIn;
    });
  }

  /**
   * Sets an account's password and revokes its tokens; creates the account if it does not exist. For the administrator: helps
   * users who have lost their password, and accounts created without one (AUTH=open). @throws {Refused} overloaded;
   * {NotActiveError}.
   */
  async setPassword(username: string, password: string): Promise<SignedIn> {
    const { passwords } = this.#options;
    const key = { source: 'administrator', subject: keyOf(username) };
    const passwordHash = await passwords.withSlot(key, () => passwords.hash(password));
    return this.#options.write(async (transaction) => {
      const created = await createUser(username, passwordHash, transaction);
      const user = created ?? (await this.#options.users.find(username, transaction));
      if (!user) throw new Refused('user_not_found');
      // A trigger revokes the account's tokens (migrations/0009_sign_in.sql).
      if (!created) await user.update({ passwordHash }, { transaction });
      // The device is the administrator's.
      return this.#signIn(user, created !== null, { proof: 'password', device: null }, transaction);
    });
  }

  /** Creates the account of a JWT's user, unless it has one. @throws {NotActiveError}; {Refused} username_taken. */
  async createFor({ issuer, subject, names }: VerifiedJwt): Promise<void> {
    await this.#options.write((transaction) =>
      query(transaction, 'SELECT plantao.enter_by_identity($issuer, $subject, $names)', { issuer, subject, names }),
    );
  }

  /** Logs in to an account that has no password, or creates an account, with the given password if there is one. */
  async #logInByName(found: User | null, request: SignInRequest): Promise<SignedIn> {
    const { limits, write, users } = this.#options;
    const { username, password, network, device = null } = request;
    if (found) return this.#issueToken(found, device);
    if (password === null) await limits.register(network);
    const passwordHash = password === null ? null : await this.#hashOfNew(password, network);
    const signedIn = await write(async (transaction) => {
      const user = await createUser(username, passwordHash, transaction);
      const proof = password === null ? 'name' : 'password';
      return user && this.#signIn(user, true, { proof, device }, transaction);
    });
    if (signedIn && password !== null) await limits.remember({ userId: signedIn.userId, network });
    if (signedIn) return signedIn;
    // A concurrent request has created the account: log in to that one. If it was deleted again, fail: retries would have no end.
    if (!(await users.find(username))) throw new Refused('unavailable', { sentence: NAME_REUSED });
    return this.logIn(request);
  }

  /** Counts a registration, and hashes its password. */
  #hashOfNew(password: string, network: string): Promise<string> {
    const { passwords, limits } = this.#options;
    return passwords.withSlot({ source: network, subject: 'registration' }, async () => {
      await limits.register(network);
      return passwords.hash(password);
    });
  }

  /**
   * Issues a token, provided that the password has not changed since it was checked. The row is locked until the commit: a
   * change of the password comes either before, and is seen here, or after, and revokes the new token too.
   */
  async #issueToken({ id, passwordHash }: User, device: string | null): Promise<SignedIn> {
    return this.#options.write(async (transaction) => {
      const { User } = modelsOf(transaction);
      const user = await User.findByPk(id, { transaction, lock: transaction.LOCK.SHARE });
      if (!user || !isInUse(user) || user.passwordHash !== passwordHash) throw new Refused('unauthenticated');
      return this.#signIn(user, false, { proof: passwordHash === null ? 'name' : 'password', device }, transaction);
    });
  }

  async #signIn(
    { id, username }: User,
    created: boolean,
    origin: TokenOrigin,
    transaction: Transaction,
  ): Promise<SignedIn> {
    return { userId: id, username, created, token: await this.#options.tokens.issue(id, origin, transaction) };
  }
}

/** Returns the key of a name's limits. It is a hash, because NFKC can make a name much longer. */
const keyOf = (username: string) => hash('sha256', nameKey(username), 'base64url');
