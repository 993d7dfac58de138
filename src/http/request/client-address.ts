import { isIP, SocketAddress } from 'node:net';
import type { Request } from 'express';

/** An address in brackets, or of IPv4, as some proxies write it: with a port. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;
/** Of an IPv6 address with zone, brackets and port; what is longer is none. */
const LONGEST = 80;

/**
 * Returns the address that a request came from: the socket's, or as far as TRUST_PROXY goes the one that each trusted
 * proxy names in `X-Forwarded-For`. A proxy that names no address is as far as can be known: its own is returned then, so
 * nothing that a client writes there becomes a key, a line of the log or an account's history.
 */
export function addressOf(request: Request): string {
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

/** Returns the address in one spelling, without port and zone; null where the text is none. */
function addressIn(text: string): string | null {
  if (text.length > LONGEST) return null;
  const [, bracketed, dotted] = WITH_PORT.exec(text.trim()) ?? [];
  const [address = ''] = (bracketed ?? dotted ?? text.trim()).split('%');
  const family = isIP(address);
  return family === 0 ? null : new SocketAddress({ address, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
