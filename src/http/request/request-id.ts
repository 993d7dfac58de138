import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The header, in lower case as Node gives it. */
const HEADER = 'x-request-id';

/** UUIDs, trace ids and other ids that proxies generate. Anything else could forge a log line, or fill one. */
const ACCEPTED = /^[A-Za-z0-9][A-Za-z0-9._:+/=@-]{0,63}$/;

const GENERATED = Symbol('generated request id');

type Identified = IncomingMessage & { [GENERATED]?: string };

/**
 * Returns the id of a request: its header `X-Request-Id`, or a new one if that is missing or not accepted. Generated on the first call
 * only, so that a waiting poll does not hold one.
 */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers[HEADER];
  if (typeof given === 'string' && ACCEPTED.test(given)) return given;
  const identified = request as Identified;
  identified[GENERATED] ??= randomUUID();
  return identified[GENERATED];
}
