import { hash } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Log } from '../../../log/log.ts';
import { usernameOf } from '../../users/names.ts';
import { JwksSource } from './jwks-source.ts';
import { JwtRefusedError, KeysUnavailableError } from './jwt-errors.ts';
import type { JwtRules } from './jwt-rules.ts';

/** A JWT whose signature and claims were checked. */
export interface VerifiedJwt {
  issuer: string;
  subject: string;
  /** Key of the identity: SHA-256 in hexadecimal, as plantao.identity_hash() computes it. */
  identity: string;
  /** Time of issue in seconds since 1970; some seconds in the future if the issuer's clock is ahead. */
  issuedAt: number;
  /** Remaining validity in milliseconds. */
  leftMs: number;
  /** Usernames to try for a new account, in this order. */
  names: string[];
}

/** Longest JWT, in characters: half of the limit for all headers of a request. */
export const MAX_JWT_LENGTH = 8192;
const MAX_SUBJECT_LENGTH = 255;
/** The clocks of two machines may differ by a few seconds. */
const TOLERANCE_S = 5;
/** Maximum number of keys that are tried for a token that names none. */
const MAX_KEYS_TRIED = 10;

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Returns true if the text has the form of a signed JWT. */
export const looksLikeJwt = (text: string): boolean => text.length <= MAX_JWT_LENGTH && JWT.test(text);

/** Checks JWTs with the keys of the settings. */
export class JwtVerifier {
  readonly #rules: JwtRules;
  readonly #source: JwksSource | null;
  #keyRemovals = 0;

  /** Calls `onKeysRemoved` when a key is no longer valid: JWTs that were checked with it must be checked again. */
  constructor(rules: JwtRules, log: Log, onKeysRemoved: () => void) {
    this.#rules = rules;
    const removed = () => {
      this.#keyRemovals++;
      onKeysRemoved();
    };
    this.#source = 'url' in rules.keys ? new JwksSource({ url: rules.keys.url, log, onKeysRemoved: removed }) : null;
  }

  /** The number of times that keys were removed. A JWT that was checked before the last removal must be checked again. */
  get keyRemovals(): number {
    return this.#keyRemovals;
  }

  start(): void {
    this.#source?.start();
  }

  stop(): void {
    this.#source?.stop();
  }

  /** Checks the signature and the claims of a JWT. @throws {JwtRefusedError}; {KeysUnavailableError} if there are no keys yet. */
  async verify(token: string): Promise<VerifiedJwt> {
    try {
      return this.#identityOf(await this.#payloadOf(token));
    } catch (error) {
      if (error instanceof KeysUnavailableError || error instanceof JwtRefusedError) throw error;
      // Includes errors that jose does not define, such as that for a key that is too short.
      throw new JwtRefusedError(refusalReason(error, token), { cause: error });
    }
  }

  async #payloadOf(token: string): Promise<JWTPayload> {
    const { keys } = this.#rules;
    if ('publicKey' in keys) return this.#check(token, async () => keys.publicKey);
    const getKey = (this.#source as JwksSource).key;
    try {
      return await this.#check(token, getKey);
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return this.#checkWithEach(token, error);
      throw error;
    }
  }

  /** Checks a token that names no key. */
  async #checkWithEach(token: string, candidates: errors.JWKSMultipleMatchingKeys): Promise<JWTPayload> {
    let tried = 0;
    for await (const key of candidates) {
      if (tried++ === MAX_KEYS_TRIED) break;
      try {
        return await this.#check(token, async () => key);
      } catch (error) {
        // Claims are checked after the signature. Any other error means that this key is not the right one; another may be.
        const keyFits = error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed;
        if (keyFits) throw error;
      }
    }
    throw new JwtRefusedError('its signature is wrong');
  }

  async #check(token: string, getKey: JWTVerifyGetKey): Promise<JWTPayload> {
    const { issuer, audience, algorithms } = this.#rules;
    const { payload } = await jwtVerify(token, getKey, {
      issuer,
      audience,
      algorithms,
      clockTolerance: TOLERANCE_S,
      // Without the time of issue a user who signs out everywhere could never sign in again.
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    return payload;
  }

  #identityOf(payload: JWTPayload): VerifiedJwt {
    const { issuer, nameClaim } = this.#rules;
    const { sub: subject = '', exp = 0, iat = 0 } = payload;
    const isValid = subject !== '' && subject.length <= MAX_SUBJECT_LENGTH && subject.isWellFormed();
    if (!isValid || subject.includes('\0')) {
      throw new JwtRefusedError(`its subject must have 1 to ${MAX_SUBJECT_LENGTH} characters`);
    }
    // A user who signs out everywhere revokes the JWTs issued until then. One with a time of issue in the future would stay valid, and
    // jose does not check this. A JWT from the near future waits until its time of issue, so that a later revocation covers it: jwt-sessions.ts.
    if (!(iat <= Date.now() / 1000 + TOLERANCE_S)) throw new JwtRefusedError('its claim iat is in the future');
    const identity = hash('sha256', `${issuer}\n${subject}`, 'hex');
    return {
      issuer,
      subject,
      identity,
      // A time that PostgreSQL can represent.
      issuedAt: Math.max(0, iat),
      leftMs: Math.min((exp + TOLERANCE_S) * 1000 - Date.now(), Number.MAX_SAFE_INTEGER),
      names: namesFor(usernameOf(payload[nameClaim]), identity),
    };
  }
}

/**
 * Returns the names to try for a new account. A name that is taken belongs to another user, whatever the token says: the new
 * account then gets the name with a suffix, such as -3fa9c1.
 */
function namesFor(name: string | null, identity: string): string[] {
  const short = name === null ? 'user' : [...name].slice(0, 50).join('').trim();
  return [...(name === null ? [] : [name]), `${short}-${identity.slice(0, 6)}`, `user-${identity.slice(0, 24)}`];
}

function refusalReason(error: unknown, token: string): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is not accepted`;
  if (error instanceof errors.JWKSNoMatchingKey) return 'its key is unknown';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not allowed';
  // A key of the set may not be supported either.
  if (error instanceof errors.JOSENotSupported && decodeProtectedHeader(token).crit !== undefined) {
    return 'its header crit names an extension that is not supported';
  }
  return 'its signature is wrong';
}
