/**
 * Caches the users of tokens. A token is looked up in the database once, then in memory. Revocations are read from
 * plantao.token_revocations on a NOTIFY, and a few times a second in any case, so that a lost NOTIFY changes nothing. The
 * cache is valid for one second after the start of the last successful read of revocations. After that (the database cannot be
 * reached) every token is looked up again, so that no revoked token is accepted.
 *
 * All queries run on one session, one at a time. A token that a look-up found valid is therefore in the cache before the
 * query that would return its revocation, and cannot be added after it.
 */

import { BatchLoader } from '../../async/batch-loader.ts';
import { type Clock, threadClock } from '../../async/clock.ts';
import type { ToBlockedError } from '../../database/checks/blocking.ts';
import { SessionLostError } from '../../database/session/database-session.ts';
import type { Queryable, ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import { errorMessage } from '../../error-message.ts';
import type { Log } from '../../log/log.ts';
import { type CachedToken, CachedTokens } from './cached-tokens.ts';
import { EarlyJwtError, UnknownIdentityError } from './jwt/jwt-errors.ts';
import type { VerifiedJwt } from './jwt/jwt-verifier.ts';
import { lookUpIdentities, lookUpTokens, readRevocations, type Unread } from './token-queries.ts';

/** Options of {@link TokenCache}. */
export interface TokenCacheOptions {
  session: ReconnectingSession;
  log: Log;
  toBlockedError: ToBlockedError;
  /** The maximum number of tokens, about 500 bytes each; more than the number of waiters. */
  maxTokens: number;
  /** A monotonic clock in milliseconds; the process's own by default. */
  clock?: Clock;
}

const READ_EVERY_MS = 300;
const TRUSTED_MS = 1000;
/** The database keeps revocations for ten minutes (0009_sign_in.sql). A node that cannot read them for one minute clears its cache. */
const MAX_UNREAD_MS = 60_000;
const TOKENS_PER_QUERY = 500;

/** The users of tokens: see the head of this file. */
export class TokenCache {
  readonly #session: ReconnectingSession;
  readonly #log: Log;
  readonly #toBlockedError: ToBlockedError;
  readonly #clock: Clock;
  readonly #known: CachedTokens;
  /** The JWTs among the look-ups. */
  readonly #jwts = new Map<string, VerifiedJwt>();
  readonly #lookUps = new BatchLoader<string, CachedToken | null>();
  /** Start of the last successful read of revocations. */
  #readAt = Number.NEGATIVE_INFINITY;
  /** The transactions whose revocations have not been read. */
  #unread: Unread | null = null;
  #mustRead = false;
  /** The error of the last read of revocations that failed. */
  #failure: unknown = null;
  #misses = 0;
  #working: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ session, log, toBlockedError, maxTokens, clock = threadClock }: TokenCacheOptions) {
    this.#session = session;
    this.#log = log;
    this.#toBlockedError = toBlockedError;
    this.#known = new CachedTokens(maxTokens);
    this.#clock = clock;
  }

  /** The number of tokens in the cache. */
  get size(): number {
    return this.#known.size;
  }

  /** The number of tokens that were not in the cache and had to be looked up. */
  get misses(): number {
    return this.#misses;
  }

  /** Starts to read revocations. @throws the database's error if they cannot be read. */
  async start(): Promise<void> {
    await this.#readRevocations();
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  /** Returns the token with this hash from the cache; null if it is not there or the cache is not valid. */
  peek(hash: string): CachedToken | null {
    const entry = this.#known.get(hash);
    const now = this.#clock();
    return entry && now - this.#readAt < TRUSTED_MS && now < entry.expiresAt ? entry : null;
  }

  /**
   * Returns the token with this hash, without a promise if it is in the cache; null if it does not exist, is revoked or has
   * expired. Rejects with the database's error if a look-up fails.
   */
  find(hash: string): CachedToken | null | Promise<CachedToken | null> {
    const known = this.peek(hash);
    if (known) return known;
    this.#misses++;
    const found = this.#lookUps.enqueue(hash);
    this.#work();
    return found;
  }

  /**
   * Like {@link find}, for a JWT whose signature was checked: null if it is revoked. Rejects with {@link UnknownIdentityError} if
   * its user has no account yet, and with {@link EarlyJwtError} before its time of issue.
   */
  findJwt(hash: string, jwt: VerifiedJwt): CachedToken | null | Promise<CachedToken | null> {
    const known = this.peek(hash);
    if (known) return known;
    this.#jwts.set(hash, jwt);
    return this.find(hash);
  }

  /** Forgets a JWT, which must be checked again. */
  forgetJwt(hash: string): void {
    this.#known.drop(hash, 'forgotten');
  }

  /** Forgets all JWTs, because the keys with which they were checked have changed. */
  forgetJwts(): void {
    this.#known.forgetJwts();
  }

  /** Reads revocations soon, because a NOTIFY has announced new ones. */
  readRevocationsSoon(): void {
    this.#mustRead = true;
    this.#work();
  }

  /** Returns a session whose queries wait for {@link ensureFresh}, so that no event is delivered on a token revoked before it. */
  afterRevocations(session: Queryable): Queryable {
    return {
      query: async (query, limitMs) => {
        await this.ensureFresh();
        return session.query(query, limitMs);
      },
    };
  }

  /** Resolves when revocations have been read within the last second; rejects if they cannot be read. */
  async ensureFresh(): Promise<void> {
    if (this.#clock() - this.#readAt < TRUSTED_MS) return;
    const before = this.#readAt;
    this.readRevocationsSoon();
    await this.#working;
    if (this.#readAt === before) throw new SessionLostError('revoked tokens cannot be read', { cause: this.#failure });
  }

  /** Clears the cache, because the session now reaches a different database. Polls and streams end, and their clients authenticate again. */
  forget(): void {
    this.#known.forgetAll();
    this.#unread = null;
  }

  #work(): void {
    this.#working ??= this.#workOn();
  }

  async #workOn(): Promise<void> {
    // Look-ups within this turn of the event loop are part of the first batch.
    await Promise.resolve();
    while ((this.#mustRead || this.#lookUps.size > 0) && !this.#stopped) {
      if (this.#mustRead) {
        this.#mustRead = false;
        await this.#readRevocations().catch((error) => {
          this.#failure = error;
          // Logs the session that holds a lock on the tables.
          void this.#toBlockedError(error);
          this.#log.debug(`could not read which tokens are revoked: ${errorMessage(error)}`);
        });
      }
      if (this.#lookUps.size > 0) await this.#lookUp();
    }
    this.#lookUps.rejectAll(new SessionLostError('the node is stopping'));
    // In the same turn of the event loop as the last check of the condition, so that no look-up is left behind.
    this.#working = null;
  }

  async #readRevocations(): Promise<void> {
    const startedAt = this.#clock();
    if (startedAt - this.#readAt > MAX_UNREAD_MS) this.forget();
    // Before the first read the cache is empty; that read only determines where to start.
    const { unread, changed } = await readRevocations(this.#session, this.#unread);
    // Transaction numbers only increase. A lower one means that the database was restored.
    if (this.#unread !== null && unread.from < this.#unread.from) this.forget();
    this.#unread = unread;
    if (changed === null) {
      this.#log.info('many tokens were revoked at once: all clients are checked again');
      this.#known.forgetAll();
    }
    for (const { hash, left_ms } of changed ?? []) {
      const entry = this.#known.get(hash);
      if (left_ms === null || left_ms <= 0) {
        this.#known.drop(hash, 'revoked');
        this.#known.dropIdentity(hash);
      } else if (entry) entry.expiresAt = startedAt + left_ms;
    }
    this.#readAt = startedAt;
  }

  #lookUp(): Promise<void> {
    return this.#lookUps.runBatch(TOKENS_PER_QUERY, (hashes) =>
      this.#findAll(hashes).catch(async (error) => {
        throw await this.#toBlockedError(error);
      }),
    );
  }

  /** Returns a function from a hash to its token, or null. */
  async #findAll(hashes: string[]): Promise<(hash: string) => CachedToken | null> {
    const jwts = new Map(hashes.flatMap((hash) => this.#takeJwt(hash)));
    // The revocation of a token that is cached from here on is returned by a later read.
    if (this.#unread === null) await this.#readRevocations();
    const now = this.#clock();
    const tokens = hashes.filter((hash) => !jwts.has(hash));
    const found = tokens.length > 0 ? await lookUpTokens(this.#session, tokens) : new Map();
    const identities = jwts.size > 0 ? await lookUpIdentities(this.#session, jwts) : new Map();
    return (hash) => {
      const jwt = jwts.get(hash);
      const row = jwt ? identities.get(hash) : found.get(hash);
      const isValid = row && (!jwt || (jwt.leftMs > 0 && !row.is_revoked));
      if (!isValid) {
        this.#known.drop(hash, 'revoked');
        return null;
      }
      // A JWT counts as early only by both clocks, the database's and this node's: a database whose clock is behind must not lock everyone out.
      const earlyMs = jwt ? Math.min(row.early_ms, jwt.issuedAt * 1000 - Date.now()) : 0;
      if (earlyMs > 0) throw new EarlyJwtError(earlyMs);
      if (row.user_id === null) throw new UnknownIdentityError('this JWT is of a user without an account');
      const expiresAt = now + (jwt?.leftMs ?? row.left_ms);
      return this.#known.add(hash, { userId: row.user_id, expiresAt, identity: jwt?.identity ?? null });
    };
  }

  #takeJwt(hash: string): [string, VerifiedJwt][] {
    const jwt = this.#jwts.get(hash);
    this.#jwts.delete(hash);
    return jwt ? [[hash, jwt]] : [];
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      this.#known.dropExpired(this.#clock());
      this.readRevocationsSoon();
      void this.#working?.finally(() => {
        if (!this.#stopped) this.#watch();
      });
    }, READ_EVERY_MS);
  }
}
