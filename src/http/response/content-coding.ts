import type { Request } from 'express';

/** No client sends a longer header, and parsing one of 16 KB takes milliseconds. */
const MAX_HEADER_LENGTH = 1000;

/** Returns the best of `available` content codings that the client accepts, or null: send the content unchanged. */
export function acceptedCoding<Coding extends string>(request: Request, available: readonly Coding[]): Coding | null {
  const header = request.headers['accept-encoding'] ?? '';
  if (available.length === 0 || header === '' || header.length > MAX_HEADER_LENGTH) return null;
  const best = request.acceptsEncodings([...available, 'identity']);
  return available.find((coding) => coding === best) ?? null;
}
