import type { IncomingMessage } from 'node:http';
import { HttpError } from '../../http-error.ts';

/**
 * Headers that a request may have only once (RFC 9110, 5.3). Node keeps the first and silently drops the others, and a proxy in front
 * of the node may have checked one of those.
 */
const SINGLE = ['Host', 'Authorization', 'Content-Type'];
const BY_LENGTH = new Map(SINGLE.map((name) => [name.length, name]));

/** Checks that each of these headers is sent at most once. @throws {HttpError} 400. */
export function checkRepeatedHeaders({ rawHeaders }: IncomingMessage): void {
  let seen = '';
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const sent = rawHeaders[at] ?? '';
    const name = BY_LENGTH.get(sent.length);
    if (name === undefined || sent.toLowerCase() !== name.toLowerCase()) continue;
    if (seen.includes(name)) throw new HttpError('invalid_request', `${name}: must be sent once`);
    seen += name;
  }
}
