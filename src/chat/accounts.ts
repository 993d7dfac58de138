import { hash } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { User } from '../database/models.ts';
import { Refused } from './errors.ts';
import { nameKey } from './names.ts';
import type { Passwords } from './passwords.ts';
import type { SignInLimits, Try } from './sign-in-limits.ts';
import type { Proof, Tokens } from './tokens.ts';
import { createUser, type Users } from './users.ts';

/** Somebody who has just come in. */
export interface SignedIn {
  userId: number;
  username: string;
  created: boolean;
  token: string;
}

/** Who wants in. `address` is where the request comes from; a null `password` is none. */
export interface Applicant {
  username: string;
  password: string | null;
  address: string;
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
  async logIn({ username, password, address }: Applicant): Promise<SignedIn> {
    const user = await this.#options.users.find(username);
    if (!this.#options.passwordsOnly && (user === null || user.passwordHash === null)) {
      return this.#enterFreely(user, { username, password, address });
    }
    if (password === null) {
      throw new Refused('unauthenticated', { sentence: 'this account is entered with its password only' });
    }
    const { limits, passwords } = this.#options;
    const guess = await limits.guess(user ? `account:${user.id}` : `name:${keyOf(username)}`, address);
    const isRight = await giveBackUnlessDone(guess, () => passwords.matches(password, user?.passwordHash ?? null));
    if (user === null || !isRight) throw new Refused('unauthenticated');
    await guess.right();
    return this.#enter(user);
  }

  /** A new account with a password. @throws {Refused} username_taken, overloaded; {TooManyTriesError}; {NotOnDutyError}. */
  async register({ username, password, address }: Applicant & { password: string }): Promise<SignedIn> {
    const { users, limits, passwords, write } = this.#options;
    if (await users.find(username)) throw new Refused('username_taken');
    const registration = await limits.register(address);
    const passwordHash = await giveBackUnlessDone(registration, () => passwords.hash(password));
    return write(async (transaction) => {
      const user = await createUser(username, passwordHash, transaction);
      if (!user) throw new Refused('username_taken');
      return this.#signIn(user, true, 'password', transaction);
    });
  }

  /**
   * Gives an account another password, or its first, and ends its tokens: the administrator's way for who has lost
   * theirs, and for accounts of the days of AUTH=open. Makes the account where there is none.
   */
  async setPassword(username: string, password: string): Promise<SignedIn> {
    const passwordHash = await this.#options.passwords.hash(password);
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
    const { passwords, limits, write } = this.#options;
    const { username, password, address } = applicant;
    if (found) return this.#enter(found);
    const registration = await limits.register(address);
    const passwordHash =
      password === null ? null : await giveBackUnlessDone(registration, () => passwords.hash(password));
    const signedIn = await write(async (transaction) => {
      const user = await createUser(username, passwordHash, transaction);
      return user && this.#signIn(user, true, password === null ? 'name' : 'password', transaction);
    });
    // Of two that come together one makes the account; the other then meets it as any account.
    return signedIn ?? this.logIn(applicant);
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

/** A try at which nobody could look (too many sign in at once) is none: its count is given back. */
async function giveBackUnlessDone<T>(counted: Try, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await counted.untried();
    throw error;
  }
}
