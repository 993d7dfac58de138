import { isIPv6 } from 'node:net';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Sequelize } from 'sequelize';

/** Raised where somebody has tried too often; `retryAfterMs` until the present window is over. */
export class TooManyTriesError extends Error {
  override readonly name = 'TooManyTriesError';
  readonly retryAfterMs: number;
  constructor(what: string, retryAfterMs: number) {
    super(`too many ${what}: try again later`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** How often may be tried; the settings' words. */
export interface Tries {
  /** Wrong passwords for one account in a quarter of an hour. */
  ofAccount: number;
  /** Wrong passwords from one address in a quarter of an hour. */
  ofAddress: number;
  /** Accounts registered from one address in an hour; 0 is no limit. */
  registrations: number;
}

/** What has been counted. */
export interface Try {
  /** Gives the count back: nobody has looked at it. */
  untried(): Promise<void>;
}

/** A try with a password. */
export interface Guess extends Try {
  /** It was the right one: the account's wrong ones are forgiven, and the address's count is given back. */
  right(): Promise<void>;
}

const WINDOW_S = 15 * 60;
const REGISTRATION_WINDOW_S = 60 * 60;

/**
 * Slows down the guessing of passwords, by account (many addresses, one victim) and by address (one address, many
 * victims), and registering in bulk. Counted in PostgreSQL, so a failover forgives nothing. A try counts before its
 * password is looked at, so that a thousand at the same time are no way round; a right one is given back.
 */
export class SignInLimits {
  readonly #account: RateLimiterPostgres;
  readonly #address: RateLimiterPostgres;
  readonly #registrations: RateLimiterPostgres | null;

  constructor(sequelize: Sequelize, tries: Tries) {
    const limiter = (keyPrefix: string, points: number, duration: number) =>
      new RateLimiterPostgres({
        storeClient: sequelize,
        storeType: 'sequelize',
        schemaName: 'plantao',
        tableName: 'sign_in_attempts',
        tableCreated: true,
        // The table sweeps itself (migrations/0005_sign_in.sql); a timer here would have no owner.
        clearExpiredByTimeout: false,
        keyPrefix,
        points,
        duration,
      });
    this.#account = limiter('', tries.ofAccount, WINDOW_S);
    this.#address = limiter('address', tries.ofAddress, WINDOW_S);
    this.#registrations =
      tries.registrations > 0 ? limiter('register', tries.registrations, REGISTRATION_WINDOW_S) : null;
  }

  /**
   * Counts a try with a password; `account` is `account:<id>` or `name:<name>`.
   * @throws {TooManyTriesError}; the database's error.
   */
  async guess(account: string, address: string): Promise<Guess> {
    const from = networkOf(address);
    await spend(this.#address, from, 'wrong passwords from your address');
    await spend(this.#account, account, 'wrong passwords for this account');
    return {
      right: async () => {
        await Promise.all([this.#account.delete(account), this.#address.reward(from, 1)]);
      },
      untried: async () => {
        await Promise.all([this.#account.reward(account, 1), this.#address.reward(from, 1)]);
      },
    };
  }

  /** Counts a registration. @throws {TooManyTriesError}; the database's error. */
  async register(address: string): Promise<Try> {
    const registrations = this.#registrations;
    const from = networkOf(address);
    if (registrations) await spend(registrations, from, 'registrations from your address');
    return {
      untried: async () => {
        await registrations?.reward(from, 1);
      },
    };
  }
}

async function spend(limiter: RateLimiterPostgres, key: string, what: string): Promise<void> {
  try {
    await limiter.consume(key, 1);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) throw new TooManyTriesError(what, refusal.msBeforeNext);
    throw refusal;
  }
}

/** Whom an address stands for: an IPv4 address itself, of IPv6 the first 64 bits, since one household has all the rest. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
