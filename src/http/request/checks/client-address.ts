import { isIP, SocketAddress } from 'node:net';
import type { Request } from 'express';

/** An address in brackets, or an IPv4 address without them, with the port that some proxies append. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;
/** Length of the longest IPv6 address with zone, brackets and port. Longer text is not an address. */
const MAX_LENGTH = 80;

/**
 * Returns the address of a request's client: the socket's, or the one that each trusted proxy (TRUST_PROXY) adds to
 * `X-Forwarded-For`. If a trusted proxy adds no valid address, returns the address of that proxy. Text that a client writes
 * there therefore never becomes a key, a log line or part of an account's history.
 */
export function clientAddressOf(request: Request): string {
  const isTrusted = request.app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  const named = (request.get('X-Forwarded-For') ?? '').split(',');
  let address = addressIn(request.socket.remoteAddress ?? '');
  for (let hop = 0; address !== null && isTrusted(address, hop); hop++) {
    const next = addressIn(named.pop() ?? '');
    if (next === null) return address;
    address = next;
  }
  return address ?? 'unknown';
}

/** Returns the address in canonical form, without port and zone; null if the text is not an address. */
function addressIn(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  const [, bracketed, dotted] = WITH_PORT.exec(text.trim()) ?? [];
  const [address = ''] = (bracketed ?? dotted ?? text.trim()).split('%');
  const family = isIP(address);
  return family === 0 ? null : new SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
