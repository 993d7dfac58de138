import type { Request } from 'express';

/** No browser sends a longer header, and parsing one of 16 KB takes 15 ms. */
const MAX_HEADER_LENGTH = 1000;

/** Returns true if the client prefers HTML to the media type `other`, as browsers do when they open an address. */
export function prefersHtml(request: Request, other: string): boolean {
  const isShort = (request.headers.accept ?? '').length <= MAX_HEADER_LENGTH;
  return isShort && request.accepts([other, 'text/html']) === 'text/html';
}
