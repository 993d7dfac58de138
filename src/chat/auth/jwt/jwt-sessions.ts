import { setTimeout as sleep } from 'node:timers/promises';
import { NotActiveError } from '../../../database/writes/fenced-write.ts';
import type { Accounts } from '../accounts.ts';
import type { CachedToken } from '../cached-tokens.ts';
import type { TokenCache } from '../token-cache.ts';
import { EarlyJwtError, UnknownIdentityError } from './jwt-errors.ts';
import type { JwtVerifier, VerifiedJwt } from './jwt-verifier.ts';

/** Options of {@link JwtSessions}. */
export interface JwtSessionsOptions {
  verifier: Pick<JwtVerifier, 'verify' | 'keyRemovals'>;
  cache: Pick<TokenCache, 'peek' | 'findJwt' | 'forgetJwt'>;
  accounts: Pick<Accounts, 'createFor'>;
  /** Lets the active node create the account of a JWT's user; returns false if this node does not forward writes. */
  createAccountOnActiveNode(token: string): Promise<boolean>;
}

/** The sessions of users with JWTs. A JWT is checked once, and is then in the cache until it expires or is revoked. */
export class JwtSessions {
  readonly #options: JwtSessionsOptions;
  /** Accounts that are being created, by identity. */
  readonly #creating = new Map<string, Promise<void>>();

  constructor(options: JwtSessionsOptions) {
    this.#options = options;
  }

  /**
   * Returns the session of a JWT, without a promise if it is in the cache; null if it is revoked. The first JWT of a user creates
   * the account. Rejects with `JwtRefusedError`, `KeysUnavailableError`, {@link NotActiveError} if only the active
   * node can create the account, or the database's error.
   */
  find(token: string, hash: string): CachedToken | null | Promise<CachedToken | null> {
    return this.#options.cache.peek(hash) ?? this.#check(token, hash);
  }

  /**
   * Checks a JWT, and waits for its time of issue if the issuer's clock is ahead. If it were accepted before that time, it would
   * outlive a sign-out of all devices. If a sign-out also revoked JWTs issued slightly later, the user could not sign in again at once.
   */
  async #check(token: string, hash: string): Promise<CachedToken | null> {
    const { verifier, cache } = this.#options;
    const { keyRemovals } = verifier;
    // Refuses a time of issue that is more than a few seconds in the future.
    const jwt = await verifier.verify(token);
    const session = await this.#sessionOf(jwt, token, hash).catch((error) => {
      if (error instanceof EarlyJwtError) return error;
      throw error;
    });
    if (session instanceof EarlyJwtError) {
      // The timer does not keep a stopping node alive.
      await sleep(Math.ceil(session.ms), undefined, { ref: false });
      return this.#check(token, hash);
    }
    if (verifier.keyRemovals === keyRemovals) return session;
    // A key was removed meanwhile: it may be the one with which this JWT was checked.
    cache.forgetJwt(hash);
    return this.#check(token, hash);
  }

  async #sessionOf(jwt: VerifiedJwt, token: string, hash: string): Promise<CachedToken | null> {
    const { cache } = this.#options;
    try {
      return await cache.findJwt(hash, jwt);
    } catch (error) {
      if (!(error instanceof UnknownIdentityError)) throw error;
    }
    await this.#create(jwt, token);
    return cache.findJwt(hash, jwt);
  }

  #create(jwt: VerifiedJwt, token: string): Promise<void> {
    const current = this.#creating.get(jwt.identity);
    if (current) return current;
    const creating = this.#createOnce(jwt, token).finally(() => this.#creating.delete(jwt.identity));
    this.#creating.set(jwt.identity, creating);
    return creating;
  }

  async #createOnce(jwt: VerifiedJwt, token: string): Promise<void> {
    try {
      await this.#options.accounts.createFor(jwt);
    } catch (error) {
      if (error instanceof NotActiveError && (await this.#options.createAccountOnActiveNode(token))) return;
      throw error;
    }
  }
}
