/**
 * The public keys of another application's sign-in service (JWT_JWKS_URL). They are fetched in the background and kept: while the
 * service is down, the last fetched keys continue to work. Each fetch has a deadline and a size limit.
 *
 * A token may name a key that is not known, because the service has changed its keys. The keys are then fetched again, but not
 * more often than every five seconds: anyone can send tokens that name unknown keys.
 */

import { createPublicKey } from 'node:crypto';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose';
import { backoffDelay, jittered } from '../../../async/backoff.ts';
import { type Clock, threadClock } from '../../../async/clock.ts';
import { errorMessage } from '../../../error-message.ts';
import type { Log } from '../../../log/log.ts';
import { bodyText } from '../../../network/body-text.ts';
import { otherDns } from '../../../network/dns-cache.ts';
import { KeysUnavailableError } from './jwt-errors.ts';

/** Options of {@link JwksSource}. */
export interface JwksSourceOptions {
  url: string;
  log: Log;
  /** Called when a key that was known is no longer among the fetched ones. */
  onKeysRemoved?(): void;
  clock?: Clock;
  /** Milliseconds; by default {@link LIMITS}. */
  limits?: Partial<typeof LIMITS>;
}

const LIMITS = {
  /** Time limit of one fetch. */
  fetchMs: 5000,
  /** Time between fetches that succeed. */
  refreshMs: 5 * 60_000,
  /** Shortest interval between fetches for unknown keys. */
  unknownKeyMs: 5000,
  /** Wait after a fetch that failed. It doubles with each further failure, up to `lastRetryMs`. */
  firstRetryMs: 1000,
  lastRetryMs: 60_000,
};
/** A key set has a few keys of one kilobyte. */
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 100;
/** RFC 7518, 3.3. */
const MIN_RSA_BITS = 2048;
const REMEDY = 'check JWT_JWKS_URL, and that this node can reach it';

type KeySet = ReturnType<typeof createLocalJWKSet>;

/** Fetches and keeps the keys: see the head of this file. */
export class JwksSource {
  readonly #options: JwksSourceOptions;
  readonly #limits: typeof LIMITS;
  readonly #clock: Clock;
  #keys: KeySet | null = null;
  /** The known keys as JSON, to find those that were removed. */
  #known: ReadonlySet<string> = new Set();
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #fetching: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  readonly #stopping = new AbortController();

  constructor(options: JwksSourceOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#clock = options.clock ?? threadClock;
  }

  /** Begins to fetch, and returns at once: a node serves users with passwords while the keys are not available. */
  start(): void {
    void this.#fetch();
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  /** Returns the key for a token. @throws {KeysUnavailableError}; the errors of jose if no key fits. */
  readonly key: JWTVerifyGetKey = async (header, token) => {
    if (this.#keys === null) await this.#fetching;
    if (this.#keys === null)
      throw new KeysUnavailableError(`the keys of ${this.#options.url} cannot be fetched: ${REMEDY}`);
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#fetchForUnknownKey())) throw error;
      return this.#keys(header, token);
    }
  };

  /** Fetches again unless that was done a moment ago. Returns false if nothing was fetched. */
  async #fetchForUnknownKey(): Promise<boolean> {
    if (!this.#fetching && this.#clock() - this.#fetchedAt < this.#limits.unknownKeyMs) return false;
    await this.#fetch();
    return true;
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { log, url } = this.#options;
    clearTimeout(this.#timer);
    this.#fetchedAt = this.#clock();
    try {
      this.#use(await fetchKeys(url, this.#limits.fetchMs, this.#stopping.signal));
      if (this.#failures > 0) log.info({ event: 'jwks_fetched' }, `the keys of ${url} can be fetched again`);
      this.#failures = 0;
      this.#fetchLater(jittered(this.#limits.refreshMs));
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (this.#failures++ === 0) log.warn({ event: 'jwks_failed' }, this.#sentenceOf(error));
      const { firstRetryMs, lastRetryMs } = this.#limits;
      this.#fetchLater(backoffDelay(this.#failures - 1, lastRetryMs, firstRetryMs));
    }
  }

  #sentenceOf(error: unknown): string {
    const consequence = this.#keys === null ? 'no JWT can be checked' : 'JWTs are checked with the last fetched keys';
    return `the keys of ${this.#options.url} cannot be fetched, so ${consequence}: ${errorMessage(error)}; ${REMEDY}`;
  }

  #fetchLater(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#fetch(), ms);
  }

  #use(keySet: JSONWebKeySet): void {
    const keys = new Set(keySet.keys.map((key) => JSON.stringify(key)));
    const isRemoved = [...this.#known].some((key) => !keys.has(key));
    this.#keys = createLocalJWKSet(keySet);
    this.#known = keys;
    if (isRemoved) this.#options.onKeysRemoved?.();
  }
}

/** Fetches a key set. @throws an error that says why there is none. */
async function fetchKeys(url: string, limitMs: number, stopping: AbortSignal): Promise<JSONWebKeySet> {
  // Not AbortSignal.timeout() within AbortSignal.any(): Node.js may collect it before it fires.
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new Error(`it has not responded within ${limitMs} ms`)), limitMs);
  const stop = () => ending.abort();
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop);
  try {
    return await readKeys(url, ending.signal);
  } finally {
    clearTimeout(timer);
    stopping.removeEventListener('abort', stop);
  }
}

async function readKeys(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  await lookUpFirst(url, signal);
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it responds with status ${response.status}`);
  }
  const keySet: unknown = JSON.parse(await bodyText(response, signal, MAX_BYTES));
  const keys = (keySet as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('its response is not a key set');
  const usable = keys.filter(isPublic).slice(0, MAX_KEYS).filter(isSound);
  if (usable.length === 0) throw new Error('its key set has no public key for signatures');
  return { keys: usable };
}

/** Waits until the host's name is resolved: a look-up by the fetch itself could take another of the two threads that look up names. */
function lookUpFirst(url: string, signal: AbortSignal): Promise<unknown> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const { hostname } = new URL(url);
  return Promise.race([otherDns.find(hostname.replace(/^\[|\]$/g, '')), aborted]);
}

/** Returns true for a public key that verifies signatures. Secret keys are not used: every reader of the set could sign with them. */
function isPublic(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, use, d, k } = key as JWK;
  return ['RSA', 'EC', 'OKP'].includes(kty ?? '') && use !== 'enc' && d === undefined && k === undefined;
}

/** Returns false for a key that is damaged or too short: a set of such keys must not replace the known ones. */
function isSound(key: JWK): boolean {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key, format: 'jwk' });
    return key.kty !== 'RSA' || (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS;
  } catch {
    return false;
  }
}
