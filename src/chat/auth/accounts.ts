import { hash } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';
import { User } from '../../database/models.ts';
import { Refused } from '../errors.ts';
import { nameKey } from '../names.ts';
import { createUser, type Users } from '../users.ts';
import type { Passwords } from './passwords.ts';
import type { SignInLimits } from './sign-in-limits.ts';
import type { Proof, Tokens } from './tokens.ts';

/** Somebody who has just come in. */
export interface SignedIn {
  userId: number;
  username: string;
  created: boolean;
  token: string;
}

/** A request to sign in. A null `password` is none. */
export interface Applicant {
  username: string;
  password: string | null;
  /** The client's network, as limits count it: {@link networkOf}. */
  network: string;
  /** Hash of a token that came with the request, which an earlier sign-in may have given to this device. */
  tokenHash?: string | null;
}

/** What accounts stand on. */
export interface AccountsOptions {
  users: Users;
  passwords: Passwords;
  tokens: Tokens;
  limits: SignInLimits;
  write: Write;
  /** True where names alone let nobody in (AUTH=token): then logging in makes no account either. */
  passwordsOnly: boolean;
}

/**
 * Registering and logging in. An account with a password is entered with it only, whatever the mode. In AUTH=open a name
 * is enough for all others, as in the original; in AUTH=token they cannot be entered, and a name that is nobody's costs
 * the same time and gets the same answer as a wrong password.
 */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /**
   * @throws {Refused} unauthenticated, or overloaded where too many sign in at once; {TooManyTriesError};
   * {NotOnDutyError}.
   */
  async logIn(applicant: Applicant): Promise<SignedIn> {
    const { username, password, network, tokenHash = null } = applicant;
    const user = await this.#options.users.find(username);
    if (!this.#options.passwordsOnly && (user === null || user.passwordHash === null)) {
      return this.#enterFreely(user, applicant);
    }
    if (password === null) {
      throw new Refused('unauthenticated', { sentence: 'this account is entered with its password only' });
    }
    const { limits, passwords } = this.#options;
    const key = keyOf(username);
    const subject = user ? String(user.id) : key;
    const isRight = await passwords.inTurn({ source: network, subject }, async () => {
      const guess = await limits.guess({ userId: user?.id ?? null, nameKey: key, network, tokenHash });
      const matches = await passwords.matches(password, user?.passwordHash ?? null);
      if (matches) await guess.right();
      return matches;
    });
    if (user === null || !isRight) throw new Refused('unauthenticated');
    return this.#enter(user);
  }

  /** A new account with a password. @throws {Refused} username_taken, overloaded; {TooManyTriesError}; {NotOnDutyError}. */
  async register({ username, password, network }: Applicant & { password: string }): Promise<SignedIn> {
    const { users, limits, write } = this.#options;
    if (await users.find(username)) {
      // Counts as well, or a client could ask for name after name whether it is taken.
      await limits.register(network);
      throw new Refused('username_taken');
    }
    const passwordHash = await this.#hashOfNew(password, network);
    const signedIn = await write(async (transaction) => {
      const user = await createUser(username, passwordHash, transaction);
      if (!user) throw new Refused('username_taken');
      return this.#signIn(user, true, 'password', transaction);
    });
    await limits.remember({ userId: signedIn.userId, network });
    return signedIn;
  }

  /**
   * Gives an account another password, or its first, and ends its tokens: the administrator's way for who has lost
   * theirs, and for accounts of the days of AUTH=open. Makes the account where there is none.
   */
  async setPassword(username: string, password: string): Promise<SignedIn> {
    const { passwords } = this.#options;
    const place = { source: 'administrator', subject: keyOf(username) };
    const passwordHash = await passwords.inTurn(place, () => passwords.hash(password));
    return this.#options.write(async (transaction) => {
      const created = await createUser(username, passwordHash, transaction);
      const user = created ?? (await this.#options.users.find(username, transaction));
      if (!user) throw new Refused('user_not_found');
      // The database revokes the account's tokens with it (migrations/0005_sign_in.sql).
      if (!created) await user.update({ passwordHash }, { transaction });
      return this.#signIn(user, created !== null, 'password', transaction);
    });
  }

  /** An account without a password, or a new one: whoever says the name is let in, and a password is kept with a new one. */
  async #enterFreely(found: User | null, applicant: Applicant): Promise<SignedIn> {
    const { limits, write } = this.#options;
    const { username, password, network } = applicant;
    if (found) return this.#enter(found);
    if (password === null) await limits.register(network);
    const passwordHash = password === null ? null : await this.#hashOfNew(password, network);
    const signedIn = await write(async (transaction) => {
      const user = await createUser(username, passwordHash, transaction);
      return user && this.#signIn(user, true, password === null ? 'name' : 'password', transaction);
    });
    if (signedIn && password !== null) await limits.remember({ userId: signedIn.userId, network });
    // Of two that come together one makes the account; the other then meets it as any account.
    return signedIn ?? this.logIn(applicant);
  }

  /** Counts a registration, and hashes its password. */
  #hashOfNew(password: string, network: string): Promise<string> {
    const { passwords, limits } = this.#options;
    return passwords.inTurn({ source: network, subject: 'registration' }, async () => {
      await limits.register(network);
      return passwords.hash(password);
    });
  }

  /**
   * Lets somebody in on what was looked at before: the password must be that one still. Its row is held until the commit,
   * so a change of it comes before, and is seen here, or after, and ends the new token with all others.
   */
  async #enter({ id, passwordHash }: User): Promise<SignedIn> {
    return this.#options.write(async (transaction) => {
      const user = await User.findByPk(id, { transaction, lock: transaction.LOCK.SHARE });
      if (user?.passwordHash !== passwordHash) throw new Refused('unauthenticated');
      return this.#signIn(user, false, passwordHash === null ? 'name' : 'password', transaction);
    });
  }

  async #signIn({ id, username }: User, created: boolean, proof: Proof, transaction: Transaction): Promise<SignedIn> {
    return { userId: id, username, created, token: await this.#options.tokens.issue(id, proof, transaction) };
  }
}

/** Short, whatever the name becomes in NFKC. */
const keyOf = (username: string) => hash('sha256', nameKey(username), 'base64url');
