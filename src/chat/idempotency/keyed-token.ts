import { createHmac, hash, randomBytes } from 'node:crypto';
import type { RequestKey } from './idempotent-write.ts';

/** Returns a salt for {@link keyedToken}. */
export const newSalt = (): string => randomBytes(32).toString('base64url');

/**
 * Derives a token from a salt and the key of the request: 256 bits in base64url. A repeated request gets the same token again,
 * from the stored salt. The database cannot derive it: it stores the salt, but only the hash of the key.
 */
export function keyedToken(requestKey: RequestKey | null, salt: string): string {
  return createHmac('sha256', Buffer.from(salt, 'base64url'))
    .update(requestKey?.key ?? '')
    .digest('base64url');
}

/** Returns the hash by which the database knows a token of {@link keyedToken}. */
export const hashOfToken = (token: string): Buffer => hash('sha256', token, 'buffer');
