import type { Sequelize } from 'sequelize';
import type { Log } from '../../log.ts';
import { AttemptCounts, type Count } from './attempt-counts.ts';

/** Raised where a client has tried too often; `retryAfterMs` until the present window is over. */
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
  /** Wrong passwords for one account from one network in a quarter of an hour. */
  ofAccount: number;
  /** Wrong passwords from one network, for all accounts together, in a quarter of an hour. */
  ofAddress: number;
  /** Accounts registered from one network in an hour; 0 is no limit. */
  registrations: number;
}

/** A try with a password. */
export interface Guesser {
  /** The account, or null where there is none of that name. */
  userId: number | null;
  /** A short key of the name, for an account that does not exist. */
  nameKey: string;
  /** The client's network: {@link networkOf}. */
  network: string;
  /** Hash of a token that came with the request; an earlier one of this account makes its device a known one. */
  tokenHash: string | null;
}

/** A try that was counted. */
export interface Guess {
  /** It was right: gives the count back, forgives the wrong ones of this device or network, and knows the network from now on. */
  right(): Promise<void>;
}

type Known = 'device' | 'network' | null;

const WINDOW_S = 15 * 60;
const REGISTRATION_WINDOW_S = 60 * 60;
/**
 * Wrong passwords for one account from all networks that its owner never came from: this many times those from one. Guessing
 * from many addresses stays slow, and a single one cannot lock the account.
 */
const UNKNOWN_NETWORKS = 10;

/**
 * Slows down the guessing of passwords as OWASP's Authentication Cheat Sheet describes it: per account and network together;
 * per network over all accounts; and, more widely, per account over all networks that its owner has not signed in from.
 * A stranger therefore locks out only their own network. A device that shows a valid token of the account has a count of its
 * own and none other (OWASP's device cookie). A try counts before its password is looked at, so that a thousand at the same
 * time are no way round; a right one is given back. A try that is refused counts nowhere.
 */
export class SignInLimits {
  readonly #tries: Tries;
  readonly #guesses: AttemptCounts;
  readonly #registrations: AttemptCounts;

  constructor(sequelize: Sequelize, log: Log, tries: Tries) {
    this.#tries = tries;
    this.#guesses = new AttemptCounts(sequelize, log, WINDOW_S);
    this.#registrations = new AttemptCounts(sequelize, log, REGISTRATION_WINDOW_S);
  }

  /** Counts a try with a password. @throws {TooManyTriesError}. */
  async guess(guesser: Guesser): Promise<Guess> {
    const counts = this.#countsOf(guesser, await this.#known(guesser));
    const full = await this.#guesses.add(counts);
    if (full) throw new TooManyTriesError(counts[full.at]?.what ?? 'wrong passwords', full.waitMs);
    const [own = '', ...shared] = counts.map(({ key }) => key);
    return {
      right: async () => {
        await this.#guesses.giveBack(shared, [own]);
        await this.remember(guesser);
      },
    };
  }

  /** Counts a registration. @throws {TooManyTriesError}. */
  async register(network: string): Promise<void> {
    const { registrations: most } = this.#tries;
    const full = most > 0 ? await this.#registrations.add([{ key: `register:${network}`, most }]) : null;
    if (full) throw new TooManyTriesError('registrations from your address', full.waitMs);
  }

  /** Knows a network that the account's owner signed in from. */
  async remember({ userId, network }: Pick<Guesser, 'userId' | 'network'>): Promise<void> {
    if (userId === null) return;
    await this.#guesses.query('SELECT plantao.remember_network($userId, $network)', { userId, network });
  }

  async #known({ userId, network, tokenHash }: Guesser): Promise<Known> {
    // Asked for a name without account too: both take the same time.
    const found = await this.#guesses.query<{ known: Known }>(
      "SELECT plantao.known_client($userId, $network, decode($tokenHash, 'hex')) AS known",
      { userId, network, tokenHash },
    );
    return found?.[0]?.known ?? null;
  }

  /** The caller's own count first; the network's last, so that it never grows where the account's refuses. */
  #countsOf({ userId, nameKey, network, tokenHash }: Guesser, known: Known): (Count & { what: string })[] {
    const { ofAccount, ofAddress } = this.#tries;
    const account = userId === null ? `name:${nameKey}` : `account:${userId}`;
    const wrong = 'wrong passwords for this account';
    if (known === 'device') {
      return [{ key: `${account} on ${tokenHash?.slice(0, 16)}`, most: ofAccount, what: `${wrong} from this device` }];
    }
    const own = { key: `${account} from ${network}`, most: ofAccount, what: `${wrong} from your address` };
    const all = { key: account, most: ofAccount * UNKNOWN_NETWORKS, what: wrong };
    const address = { key: `address:${network}`, most: ofAddress, what: 'wrong passwords from your address' };
    return known === 'network' ? [own, address] : [own, all, address];
  }
}
