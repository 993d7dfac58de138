import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Refused } from '../errors.ts';
import { FairTurns, type Overload, type Place } from './fair-turns.ts';
import { TooManyTriesError } from './sign-in-limits.ts';

/**
 * One of the settings that OWASP's Password Storage Cheat Sheet names as equal for scrypt: N=2^14, r=8, p=5. Of those it is
 * one of little memory, 16 MiB a hash, so that a node under a flood of sign-ins stays small; it costs a guess some 0.2 s of
 * a core.
 */
const COST = { ln: 14, r: 8, p: 5 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/**
 * Hashes at the same time: one core is left to the event loop, and one of the four threads of libuv's pool to files and
 * name look-ups.
 */
const AT_ONCE = Math.min(3, Math.max(1, availableParallelism() - 1));
/**
 * Sign-ins that wait for their turn. A source's line is some 6 s of work on one core, about as long as people wait; sources
 * take turns, so that only a flood from many of them makes all lines this long.
 */
const LIMITS = { atOnce: AT_ONCE, ofSource: 32, inAll: 256, waitMs: 10_000 };
/** When a source's line has moved on by a few places. */
const RETRY_MS = 2000;
const BUSY = 'too many people sign in just now: try again in a moment';

interface Hashed {
  ln: number;
  r: number;
  p: number;
  salt: Buffer;
  hash: Buffer;
}

/**
 * Passwords, kept as `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (the PHC string format, base64 without padding), hashed off
 * the event loop and a few at a time.
 */
export class Passwords {
  readonly #turns = new FairTurns(LIMITS, overload);
  /** What a password for an account that is nobody's is compared with, so that it takes as long as any other. */
  readonly #nobodys: Hashed = { ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };

  /**
   * Runs `work`, which hashes one password, in its turn. @throws {TooManyTriesError} where too many wait from its source;
   * {Refused} overloaded where too many wait in all, or for too long; what `work` throws.
   */
  inTurn<T>(place: Place, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(place, work);
  }

  /** The string to store for a password. Call it within {@link inTurn}. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const hash = await derive(password, { ...COST, salt, hash: Buffer.alloc(HASH_BYTES) });
    return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${base64(salt)}$${base64(hash)}`;
  }

  /**
   * True where `password` is the one of which `stored` was made. Null (no such account, or none with a password) is
   * false, after the same time. Call it within {@link inTurn}.
   */
  async matches(password: string, stored: string | null): Promise<boolean> {
    const known = stored === null ? null : parse(stored);
    const expected = known ?? this.#nobodys;
    const derived = await derive(password, expected);
    return timingSafeEqual(derived, expected.hash) && known !== null;
  }
}

function overload(why: Overload): Error {
  if (why === 'source') return new TooManyTriesError('sign-ins from your address at once', RETRY_MS);
  return new Refused('overloaded', { sentence: BUSY });
}

function derive(password: string, { ln, r, p, salt, hash }: Hashed): Promise<Buffer> {
  const N = 2 ** ln;
  // What scrypt needs is 128·N·r; twice that leaves room for its own tables.
  const options = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    // Two ways to type the same letter (é) must not be two passwords.
    scrypt(password.normalize('NFKC'), salt, hash.length, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');

/** Null for anything that {@link Passwords.hash} has not made: nobody enters with that. */
function parse(stored: string): Hashed | null {
  const parts = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/.-]+)\$([\w+/.-]+)$/.exec(stored);
  if (!parts) return null;
  const [ln, r, p] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const [salt, hash] = [Buffer.from(parts[4] ?? '', 'base64'), Buffer.from(parts[5] ?? '', 'base64')];
  // Bounds on what a row could make this node compute: 128 MiB.
  const isSane = ln >= 10 && r >= 1 && p >= 1 && p <= 16 && 128 * 2 ** ln * r <= 2 ** 27 && hash.length >= 16;
  return isSane ? { ln, r, p, salt, hash } : null;
}
