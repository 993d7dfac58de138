import type { Sequelize, Transaction } from 'sequelize';
import { modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { isInUse, requireUser } from '../users/users.ts';
import { NO_PASSWORD, type Passwords } from './passwords.ts';
import type { SignInLimits } from './sign-in-limits.ts';
import type { Tokens } from './tokens.ts';

/** The owner of an account, with the proof of ownership and the origin of the request. */
export interface Owner {
  userId: number;
  /** Null if the request has none. */
  password: string | null;
  /** The client's network, as limits count it: `networkOf` (client-network.ts). */
  network: string;
  /** Hash of the token sent with the request; null if it has none. */
  tokenHash: string | null;
  /** The device that a new token is for, as {@link deviceLabel} names it. */
  device: string | null;
}

/** Options of {@link AccountChanges}. */
export interface AccountChangesOptions {
  sequelize: Sequelize;
  write: Write;
  passwords: Passwords;
  limits: SignInLimits;
  tokens: Tokens;
  auth: 'open' | 'token';
}

/** An account as its owner sees it. */
export interface OwnAccount {
  id: number;
  username: string;
  created_at: string;
  has_password: boolean;
}

/** A signed-in device. Times are ISO 8601. */
export interface AccountSession {
  id: string;
  /** The browser and the system; null if unknown. */
  device: string | null;
  created_at: string;
  expires_at: string;
  /** True for the session of the request itself. */
  current: boolean;
}

/** Number of bytes of a token's hash that identify a session: enough to distinguish a user's hundred sessions. They cannot be used to sign in. */
const SESSION_ID_BYTES = 12;
const SESSION_ID = `encode(substr(hash, 1, ${SESSION_ID_BYTES}), 'hex')`;

const SIGN_IN_FIRST = {
  open: 'setting a first password requires a token of the account: POST /login returns one',
  // POST /login refuses an account without a password there.
  token: 'setting a first password requires a token of this service, not a JWT: an operator can issue one',
};
const TRACES_REMAIN = 'the account is deleted, and the service removes what remains of it within minutes';

/** Shows, renames and deletes accounts, and changes their passwords and sessions, for their owners. */
export class AccountChanges {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #passwords: Passwords;
  readonly #limits: SignInLimits;
  readonly #tokens: Tokens;
  readonly #auth: 'open' | 'token';

  constructor({ sequelize, write, passwords, limits, tokens, auth }: AccountChangesOptions) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#passwords = passwords;
    this.#limits = limits;
    this.#tokens = tokens;
    this.#auth = auth;
  }

  /** Returns an account. @throws {Refused} user_not_found. */
  async get(userId: number): Promise<OwnAccount> {
    const { id, username, createdAt, passwordHash } = await requireUser(userId, this.#sequelize);
    const hasPassword = passwordHash !== null && passwordHash !== NO_PASSWORD;
    return { id, username, created_at: createdAt.toISOString(), has_password: hasPassword };
  }

  /**
   * Replaces the password, or sets the first one. Revokes all tokens of the account, and returns a new token for the caller.
   * A first password needs a token of the account: with AUTH=open a userId alone, perhaps a mistaken one, must not lock anyone out.
   * @throws {Refused} user_not_found, forbidden if the account never signs in with a password, unauthenticated if the old one is
   * wrong or a first one is set without a token, overloaded; {RateLimitedError}; {NotActiveError}.
   */
  async changePassword(owner: Owner, password: string): Promise<string> {
    const former = await this.#prove(owner);
    if (former === NO_PASSWORD) throw new Refused('forbidden', { sentence: 'this account has no password to change' });
    if (former === null) await this.#requireSession(owner, this.#sequelize);
    const key = { source: owner.network, subject: String(owner.userId) };
    const passwordHash = await this.#passwords.withSlot(key, () => this.#passwords.hash(password));
    return this.#write(async (transaction) => {
      const { User } = modelsOf(transaction);
      const user = await User.findByPk(owner.userId, { transaction, lock: transaction.LOCK.NO_KEY_UPDATE });
      if (user?.passwordHash !== former || !isInUse(user)) throw new Refused('unauthenticated');
      // Checked again under the row's lock: the session may have been revoked since the first check.
      if (former === null) await this.#requireSession(owner, transaction);
      // A trigger of the database revokes the account's tokens.
      await user.update({ passwordHash }, { transaction });
      return this.#tokens.issue(owner.userId, { proof: 'password', device: owner.device }, transaction);
    });
  }

  /** Gives an account another name. @throws {Refused} user_not_found, username_taken; {NotActiveError}. */
  async rename(userId: number, username: string): Promise<void> {
    await this.#write(async (transaction) => {
      const [row] = await query<{ renamed: boolean }>(
        transaction,
        'SELECT plantao.rename_user($userId, $username) AS renamed',
        { userId, username },
      );
      if (!row?.renamed) throw new Refused('user_not_found');
    });
  }

  /**
   * Deletes an account, in steps. `anonymise` keeps its messages under another name, `erase` deletes them too. The first step ends
   * the account. If a later one fails, the active node continues (events/retention.ts).
   * @throws {Refused} user_not_found, unauthenticated, overloaded; {RateLimitedError}; {NotActiveError}; {OutcomeUnknownError} after
   * the first step.
   */
  async erase(owner: Owner, mode: 'anonymise' | 'erase'): Promise<void> {
    await this.#prove(owner);
    const step = () =>
      this.#write(async (transaction) => {
        const [row] = await query<{ removed: number }>(
          transaction,
          'SELECT plantao.erase_user($userId, $mode) AS removed',
          { userId: owner.userId, mode },
        );
        return row?.removed === 0;
      });
    let isDone = await step();
    while (!isDone) isDone = await afterCommit(step, TRACES_REMAIN);
  }

  /** Returns the sessions of a user that have not expired, newest first. `currentHash` is the hash of the request's token. */
  async sessions(userId: number, currentHash: string | null): Promise<AccountSession[]> {
    const rows = await query<
      Omit<AccountSession, 'created_at' | 'expires_at'> & { created_at: Date; expires_at: Date }
    >(
      this.#sequelize,
      `SELECT ${SESSION_ID} AS id, device, created_at, expires_at, coalesce(hash = decode($currentHash, 'hex'), false) AS current
       FROM plantao.tokens WHERE user_id = $userId AND expires_at > clock_timestamp()
       ORDER BY created_at DESC`,
      { userId, currentHash },
    );
    return rows.map(({ created_at, expires_at, ...session }) => ({
      ...session,
      created_at: created_at.toISOString(),
      expires_at: expires_at.toISOString(),
    }));
  }

  /** Ends one session of a user. @throws {Refused} session_not_found; {NotActiveError}. */
  async endSession(userId: number, sessionId: string): Promise<void> {
    await this.#write(async (transaction) => {
      const ended = await query(
        transaction,
        `DELETE FROM plantao.tokens WHERE user_id = $userId AND ${SESSION_ID} = $sessionId RETURNING user_id`,
        { userId, sessionId },
      );
      if (ended.length === 0) throw new Refused('session_not_found');
    });
  }

  /** Checks the password, as a login does. Returns the stored hash; null or {@link NO_PASSWORD} for an account without one, which needs no proof. */
  async #prove({ userId, password, network, tokenHash }: Owner): Promise<string | null> {
    const { passwordHash, username } = await requireUser(userId, this.#sequelize);
    if (passwordHash === null || passwordHash === NO_PASSWORD) return passwordHash;
    if (password === null) throw new Refused('unauthenticated', { sentence: 'this requires your password' });
    const isRight = await this.#passwords.withSlot({ source: network, subject: String(userId) }, async () => {
      const attempt = await this.#limits.countAttempt({ userId, nameKey: username, network, tokenHash });
      const matches = await this.#passwords.matches(password, passwordHash);
      if (matches) await attempt.succeeded();
      return matches;
    });
    if (!isRight) throw new Refused('unauthenticated', { sentence: 'wrong password' });
    return passwordHash;
  }

  /** Checks that the request has a valid token of the account. @throws {Refused} unauthenticated. */
  async #requireSession({ userId, tokenHash }: Owner, on: Sequelize | Transaction): Promise<void> {
    const found = await query(
      on,
      `SELECT user_id FROM plantao.tokens
       WHERE hash = decode($tokenHash, 'hex') AND user_id = $userId AND expires_at > clock_timestamp()`,
      { userId, tokenHash },
    );
    if (found.length === 0) throw new Refused('unauthenticated', { sentence: SIGN_IN_FIRST[this.#auth] });
  }
}
