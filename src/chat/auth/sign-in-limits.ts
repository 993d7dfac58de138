import type { Sequelize } from 'sequelize';
import type { Log } from '../../log/log.ts';
import { RateLimitedError } from '../errors.ts';
import { AttemptCounts, type AttemptLimit } from './attempt-counts.ts';

/** The settings of the limits. */
export interface SignInLimitSettings {
  /** Maximum number of wrong passwords for one account from one network in a quarter of an hour. */
  ofAccount: number;
  /** Maximum number of wrong passwords from one network, for all accounts together, in a quarter of an hour. */
  ofAddress: number;
  /** Maximum number of accounts registered from one network in an hour; 0 means no limit. */
  registrations: number;
}

/** An attempt with a password. */
export interface SignInAttempt {
  /** The account; null if the name is unknown. */
  userId: number | null;
  /** A short key of the name, for unknown accounts. */
  nameKey: string;
  /** The client's network: `networkOf` (client-network.ts). */
  network: string;
  /** Hash of the token sent with the request. A valid one of this account makes the device a known one. */
  tokenHash: string | null;
}

/** An attempt that was counted. */
export interface CountedAttempt {
  /**
   * Call it if the password was right. Takes the attempt back, resets this device's or network's count, remembers the network.
   */
  succeeded(): Promise<void>;
}

type Known = 'device' | 'network' | null;

const WINDOW_S = 15 * 60;
const REGISTRATION_WINDOW_S = 60 * 60;
/**
 * Wrong passwords for one account from all networks that its owner never used, as a multiple of those from one network.
 * Guessing from many addresses stays slow, and a single address cannot lock the account.
 */
const UNKNOWN_NETWORKS = 10;

/**
 * Slows down password guessing as OWASP's Authentication Cheat Sheet describes. Attempts are limited per account and network,
 * per network over all accounts, and, with a higher limit, per account over all networks that its owner never signed in from.
 * An attacker therefore locks out only their own network. A device that sends a valid token of the account has only a limit
 * of its own (OWASP's device cookie). An attempt is counted before its password is checked, so that concurrent attempts do not
 * evade the limit; an attempt with the right password is taken back. A rejected attempt is not counted.
 */
export class SignInLimits {
  readonly #settings: SignInLimitSettings;
  readonly #attempts: AttemptCounts;
  readonly #registrations: AttemptCounts;

  constructor(sequelize: Sequelize, log: Log, settings: SignInLimitSettings) {
    this.#settings = settings;
    this.#attempts = new AttemptCounts(sequelize, log, WINDOW_S);
    this.#registrations = new AttemptCounts(sequelize, log, REGISTRATION_WINDOW_S);
  }

  /** Counts an attempt with a password. @throws {RateLimitedError}. */
  async countAttempt(attempt: SignInAttempt): Promise<CountedAttempt> {
    const limits = this.#limitsOf(attempt, await this.#known(attempt));
    const reached = await this.#attempts.add(limits);
    if (reached) throw new RateLimitedError(limits[reached.at]?.what ?? 'wrong passwords', reached.waitMs);
    const [own = '', ...shared] = limits.map(({ key }) => key);
    return {
      succeeded: async () => {
        await this.#attempts.giveBack(shared, [own]);
        await this.remember(attempt);
      },
    };
  }

  /** Counts a registration. @throws {RateLimitedError}. */
  async register(network: string): Promise<void> {
    const { registrations: max } = this.#settings;
    const reached = max > 0 ? await this.#registrations.add([{ key: `register:${network}`, max }]) : null;
    if (reached) throw new RateLimitedError('registrations from your address', reached.waitMs);
  }

  /** Remembers a network that the account's owner signed in from. */
  async remember({ userId, network }: Pick<SignInAttempt, 'userId' | 'network'>): Promise<void> {
    if (userId === null) return;
    await this.#attempts.query('SELECT plantao.remember_network($userId, $network)', { userId, network });
  }

  async #known({ userId, network, tokenHash }: SignInAttempt): Promise<Known> {
    // Queried for unknown names too, so that both take the same time.
    const found = await this.#attempts.query<{ known: Known }>(
      "SELECT plantao.known_client($userId, $network, decode($tokenHash, 'hex')) AS known",
      { userId, network, tokenHash },
    );
    return found?.[0]?.known ?? null;
  }

  /**
   * Returns the limits of an attempt. The client's own comes first. The network's comes last, so that it is not counted when the
   * account's is reached.
   */
  #limitsOf({ userId, nameKey, network, tokenHash }: SignInAttempt, known: Known): (AttemptLimit & { what: string })[] {
    const { ofAccount, ofAddress } = this.#settings;
    const account = userId === null ? `name:${nameKey}` : `account:${userId}`;
    const wrong = 'wrong passwords for this account';
    if (known === 'device') {
      return [{ key: `${account} on ${tokenHash?.slice(0, 16)}`, max: ofAccount, what: `${wrong} from this device` }];
    }
    const own = { key: `${account} from ${network}`, max: ofAccount, what: `${wrong} from your address` };
    const all = { key: account, max: ofAccount * UNKNOWN_NETWORKS, what: wrong };
    const address = { key: `address:${network}`, max: ofAddress, what: 'wrong passwords from your address' };
    return known === 'network' ? [own, address] : [own, all, address];
  }
}
