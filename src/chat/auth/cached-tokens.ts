import { OnceSignal } from '../../async/once-signal.ts';

/** A token that is, or was, valid. */
export interface CachedToken {
  readonly userId: number;
  /** Fires when the token ends. For polls and streams; a short request is checked only when it arrives. */
  readonly ended: OnceSignal<TokenEnding>;
}

/** `revoked`: the token was revoked or has expired. `forgotten`: it left the cache, and the client may connect again. */
export type TokenEnding = 'revoked' | 'forgotten';

interface Entry extends CachedToken {
  /** By the monotonic clock of this process, milliseconds. */
  expiresAt: number;
  /** The key of the identity, for a JWT. */
  readonly identity: string | null;
}

/** The tokens that are known to be valid, by their hashes, with a limit on their number. */
export class CachedTokens {
  readonly #maxTokens: number;
  readonly #byHash = new Map<string, Entry>();
  /** The hashes of JWTs, by the identities that they prove. */
  readonly #byIdentity = new Map<string, Set<string>>();

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  get size(): number {
    return this.#byHash.size;
  }

  get(hash: string): Entry | undefined {
    return this.#byHash.get(hash);
  }

  add(hash: string, { userId, expiresAt, identity }: Pick<Entry, 'userId' | 'expiresAt' | 'identity'>): Entry {
    const known = this.#byHash.get(hash);
    if (known) {
      known.expiresAt = expiresAt;
      return known;
    }
    // The oldest one: its polls and streams end, and their clients authenticate again.
    const oldest = this.#byHash.size >= this.#maxTokens ? this.#byHash.keys().next().value : undefined;
    if (oldest !== undefined) this.drop(oldest, 'forgotten');
    const entry = { userId, expiresAt, identity, ended: new OnceSignal<TokenEnding>() };
    this.#byHash.set(hash, entry);
    if (identity !== null) {
      const hashes = this.#byIdentity.get(identity);
      if (hashes) hashes.add(hash);
      else this.#byIdentity.set(identity, new Set([hash]));
    }
    return entry;
  }

  drop(hash: string, why: TokenEnding): void {
    const entry = this.#byHash.get(hash);
    if (!entry) return;
    this.#byHash.delete(hash);
    const hashes = entry.identity === null ? undefined : this.#byIdentity.get(entry.identity);
    hashes?.delete(hash);
    if (entry.identity !== null && hashes?.size === 0) this.#byIdentity.delete(entry.identity);
    entry.ended.fire(why);
  }

  /** Drops the JWTs of an identity; does nothing if the hash is not that of an identity. */
  dropIdentity(identity: string): void {
    for (const hash of [...(this.#byIdentity.get(identity) ?? [])]) this.drop(hash, 'revoked');
  }

  /** Drops all JWTs: they must be checked again. */
  forgetJwts(): void {
    for (const hashes of [...this.#byIdentity.values()]) for (const hash of [...hashes]) this.drop(hash, 'forgotten');
  }

  forgetAll(): void {
    for (const hash of [...this.#byHash.keys()]) this.drop(hash, 'forgotten');
  }

  dropExpired(now: number): void {
    for (const [hash, entry] of this.#byHash) if (entry.expiresAt <= now) this.drop(hash, 'revoked');
  }
}
