/**
 * Who holds which token, as this node knows it. A token is looked up in the database once and then answered from
 * memory; what is revoked meanwhile is read from plantao.token_revocations on a NOTIFY, and a few times a second in any
 * case. A NOTIFY is only a hint, so a deaf listener changes nothing. Memory counts for one second after the last reading
 * that succeeded: past that (the database is away) every token is looked up again, and nobody is let in on old news.
 *
 * One session, one thing at a time. A token that a look-up saw as valid is therefore in memory before the reading that
 * would tell of its revocation, and cannot be put there after it.
 */
import { messageOf } from '../../database/errors.ts';
import type { Queryable, ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import { SessionLostError } from '../../database/session/session.ts';
import type { Log } from '../../log.ts';
import { OnceSignal } from '../../once-signal.ts';
import { lookUpTokens, readRevocations } from './token-queries.ts';

/** A token that is, or was, good. */
export interface CachedToken {
  readonly userId: number;
  /** Only for what lasts: one request is checked when it comes. */
  readonly ended: OnceSignal<Ending>;
}

/** The token is revoked or has expired; or this node cannot tell any more, and whoever holds it may come again. */
export type Ending = 'revoked' | 'forgotten';

interface Entry extends CachedToken {
  /** By the monotonic clock of this process, milliseconds. */
  expiresAt: number;
}

interface Wanting {
  resolve(known: CachedToken | null): void;
  reject(error: unknown): void;
}

/** What the look at tokens needs. */
export interface TokenCacheOptions {
  session: ReconnectingSession;
  log: Log;
  /** How many tokens to remember, some 500 bytes each; more than there are waiters. */
  most: number;
  /** Milliseconds that only go up; the process's own by default. */
  clock?: () => number;
}

const READ_EVERY_MS = 300;
const TRUSTED_MS = 1000;
/** Revocations are kept for ten minutes (migrations/0005_sign_in.sql); a node that was away for one forgets everything. */
const AWAY_MS = 60_000;
const MOST_A_LOOK_UP = 500;

/** Who holds which token: see the head of this file. */
export class TokenCache {
  readonly #session: ReconnectingSession;
  readonly #log: Log;
  readonly #most: number;
  readonly #clock: () => number;
  readonly #known = new Map<string, Entry>();
  #wanted = new Map<string, Wanting[]>();
  /** Start of the last reading of revocations that succeeded. */
  #readAt = Number.NEGATIVE_INFINITY;
  /** Transactions from here on are to be read. */
  #since: bigint | null = null;
  #again = false;
  #working: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ session, log, most, clock = () => performance.now() }: TokenCacheOptions) {
    this.#session = session;
    this.#log = log;
    this.#most = most;
    this.#clock = clock;
  }

  /** Begins to read revocations. @throws the database's error where it cannot be read. */
  async start(): Promise<void> {
    await this.#readRevocations();
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  /** Whose token has this hash, as far as memory knows and may be trusted. */
  peek(hash: string): CachedToken | null {
    const entry = this.#known.get(hash);
    const now = this.#clock();
    return entry && now - this.#readAt < TRUSTED_MS && now < entry.expiresAt ? entry : null;
  }

  /**
   * Whose token has this hash: at once out of memory, else from the database; null where it is nobody's, revoked or
   * expired. @throws (rejects with) the database's error where it has to be asked and cannot.
   */
  find(hash: string): CachedToken | null | Promise<CachedToken | null> {
    const known = this.peek(hash);
    if (known) return known;
    return new Promise((resolve, reject) => {
      const wanting = this.#wanted.get(hash);
      if (wanting) wanting.push({ resolve, reject });
      else this.#wanted.set(hash, [{ resolve, reject }]);
      this.#work();
    });
  }

  /** There is something to read, says a NOTIFY. */
  hint(): void {
    this.#again = true;
    this.#work();
  }

  /** A session whose queries wait for news of revocations, so that what it reads is told to nobody on older knowledge. */
  before(session: Queryable): Queryable {
    return {
      query: async (query, limitMs) => {
        await this.current();
        return session.query(query, limitMs);
      },
    };
  }

  /** Resolves when revocations have been read within the last second; rejects where they cannot be. */
  async current(): Promise<void> {
    if (this.#clock() - this.#readAt < TRUSTED_MS) return;
    const before = this.#readAt;
    this.hint();
    await this.#working;
    if (this.#readAt === before) throw new SessionLostError('revoked tokens cannot be read');
  }

  /** Forgets everything: the database is another one. What lasts on a token is ended, and comes again to be checked. */
  forget(): void {
    for (const hash of [...this.#known.keys()]) this.#drop(hash, 'forgotten');
    this.#since = null;
  }

  #work(): void {
    this.#working ??= this.#workOn();
  }

  async #workOn(): Promise<void> {
    // Whoever asks within this turn of the event loop is part of the first look-up.
    await Promise.resolve();
    while ((this.#again || this.#wanted.size > 0) && !this.#stopped) {
      if (this.#again) {
        this.#again = false;
        await this.#readRevocations().catch((error) => {
          this.#log.debug(`could not read which tokens are revoked: ${messageOf(error)}`);
        });
      }
      if (this.#wanted.size > 0) await this.#lookUp();
    }
    for (const wanting of this.#wanted.values()) {
      for (const one of wanting) one.reject(new SessionLostError('the node is stopping'));
    }
    this.#wanted.clear();
    // In the same turn as the last look at what is to be done, so that nothing can be asked for in between.
    this.#working = null;
  }

  async #readRevocations(): Promise<void> {
    const startedAt = this.#clock();
    if (startedAt - this.#readAt > AWAY_MS) this.forget();
    // Nothing was known before the first reading, so nothing has to be forgotten then.
    const { since, changed } = await readRevocations(this.#session, this.#since);
    // Transaction numbers only go up: this is another history (a restore).
    if (this.#since !== null && since < this.#since) this.forget();
    this.#since = since;
    for (const { hash, left_ms } of changed) {
      const entry = this.#known.get(hash);
      if (left_ms === null || left_ms <= 0) this.#drop(hash, 'revoked');
      else if (entry) entry.expiresAt = startedAt + left_ms;
    }
    this.#readAt = startedAt;
  }

  async #lookUp(): Promise<void> {
    const batch = [...this.#wanted].slice(0, MOST_A_LOOK_UP);
    for (const [hash] of batch) this.#wanted.delete(hash);
    try {
      // What is remembered from here on is forgotten by the readings that come after this one.
      if (this.#since === null) await this.#readRevocations();
      const now = this.#clock();
      const hashes = batch.map(([hash]) => hash);
      const found = await lookUpTokens(this.#session, hashes);
      for (const [hash, wanting] of batch) {
        const row = found.get(hash);
        const known = row ? this.#remember(hash, row.user_id, now + row.left_ms) : null;
        if (!row) this.#drop(hash, 'revoked');
        for (const one of wanting) one.resolve(known);
      }
    } catch (error) {
      for (const [, wanting] of batch) for (const one of wanting) one.reject(error);
    }
  }

  #remember(hash: string, userId: number, expiresAt: number): Entry {
    const known = this.#known.get(hash);
    if (known) {
      known.expiresAt = expiresAt;
      return known;
    }
    if (this.#known.size >= this.#most) this.#makeRoom();
    const entry = { userId, expiresAt, ended: new OnceSignal<Ending>() };
    this.#known.set(hash, entry);
    return entry;
  }

  /** The one looked up first goes; what lasts on it has to come again. */
  #makeRoom(): void {
    const oldest = this.#known.keys().next().value;
    if (oldest !== undefined) this.#drop(oldest, 'forgotten');
  }

  #drop(hash: string, why: Ending): void {
    const entry = this.#known.get(hash);
    if (!entry) return;
    this.#known.delete(hash);
    entry.ended.fire(why);
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      const now = this.#clock();
      for (const [hash, entry] of this.#known) if (entry.expiresAt <= now) this.#drop(hash, 'revoked');
      this.hint();
      void this.#working?.finally(() => {
        if (!this.#stopped) this.#watch();
      });
    }, READ_EVERY_MS);
  }
}
