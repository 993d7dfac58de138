import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { FairSemaphore, type Overload, type QueueKey } from '../../async/fair-semaphore.ts';
import { RateLimitedError, Refused } from '../errors.ts';

/**
 * N=2^14, r=8, p=5: one of the equivalent settings for scrypt in OWASP's Password Storage Cheat Sheet. It needs little memory
 * (16 MiB a hash), so that a node under a flood of sign-ins stays small; a guess costs about 0.2 s of a core.
 */
const COST = { ln: 14, r: 8, p: 5 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** The hash of an account that accepts no password: it was deleted, or its user signs in with JWTs. */
export const NO_PASSWORD = '!';

/** Concurrent hashes: one core is left to the event loop, and one of libuv's four threads to files and DNS. */
const CONCURRENCY = Math.min(3, Math.max(1, availableParallelism() - 1));
/**
 * Queued sign-ins. One source's queue is about 6 s of work on one core, about as long as people wait. Sources are served in
 * turn, so that only a flood from many sources makes every queue this slow.
 */
const LIMITS = { concurrency: CONCURRENCY, queuedPerSource: 32, queued: 256, maxWaitMs: 10_000 };
/** Retry-After for a source whose queue is full: the time in which it advances by a few places. */
const RETRY_MS = 2000;
const BUSY = 'too many people are signing in: try again in a few seconds';

interface Hashed {
  ln: number;
  r: number;
  p: number;
  salt: Buffer;
  hash: Buffer;
}

/**
 * Hashes and checks passwords, a few at a time and off the event loop. They are stored as
 * `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (the PHC string format, base64 without padding).
 */
export class Passwords {
  readonly #semaphore = new FairSemaphore(LIMITS, overload);
  /** Compared with passwords for unknown accounts, so that they take as long as any other. */
  readonly #decoy: Hashed = { ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };

  /**
   * Runs `work`, which hashes one password, when its turn comes. @throws {RateLimitedError} if its source has too many
   * queued; {Refused} overloaded if too many are queued in all, or it waited too long; the error of `work`.
   */
  withSlot<T>(key: QueueKey, work: () => Promise<T>): Promise<T> {
    return this.#semaphore.run(key, work);
  }

  /** Returns the string to store for a password. Call it within {@link withSlot}. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const hash = await derive(password, { ...COST, salt, hash: Buffer.alloc(HASH_BYTES) });
    return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${base64(salt)}$${base64(hash)}`;
  }

  /**
   * Returns true if `stored` is the hash of `password`. Returns false after the same time if `stored` is null (an unknown
   * account, or one without a password). Call it within {@link withSlot}.
   */
  async matches(password: string, stored: string | null): Promise<boolean> {
    const known = stored === null ? null : parse(stored);
    const expected = known ?? this.#decoy;
    const derived = await derive(password, expected);
    return timingSafeEqual(derived, expected.hash) && known !== null;
  }
}

function overload(why: Overload): Error {
  if (why === 'source') return new RateLimitedError('sign-ins from your address at once', RETRY_MS);
  return new Refused('overloaded', { sentence: BUSY });
}

function derive(password: string, { ln, r, p, salt, hash }: Hashed): Promise<Buffer> {
  const N = 2 ** ln;
  // scrypt needs 128·N·r; twice that leaves room for its own tables.
  const options = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    // NFKC, so that two encodings of the same letter (é) are one password.
    scrypt(password.normalize('NFKC'), salt, hash.length, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');

/** Returns null for anything that {@link Passwords.hash} did not create; such an account accepts no password. */
function parse(stored: string): Hashed | null {
  const parts = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/.-]+)\$([\w+/.-]+)$/.exec(stored);
  if (!parts) return null;
  const [ln, r, p] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const [salt, hash] = [Buffer.from(parts[4] ?? '', 'base64'), Buffer.from(parts[5] ?? '', 'base64')];
  // A damaged row must not make this node compute more than 128 MiB.
  const isSane = ln >= 10 && r >= 1 && p >= 1 && p <= 16 && 128 * 2 ** ln * r <= 2 ** 27 && hash.length >= 16;
  return isSane ? { ln, r, p, salt, hash } : null;
}
