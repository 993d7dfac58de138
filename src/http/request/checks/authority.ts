/** Longer than any DNS name with its port. */
export const MAX_AUTHORITY = 300;

/** A name or an address, with an optional port: no user, no path, no escape. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/i;

/**
 * Returns the host of a `Host` header or of a URL's authority in canonical form: lower case, without port and final dot, IP
 * addresses as URLs write them. Returns null for anything else.
 */
export function hostOf(authority: string): string | null {
  if (authority.length > MAX_AUTHORITY || !AUTHORITY.test(authority)) return null;
  try {
    return new URL(`http://${authority}`).hostname.replace(/\.$/, '') || null;
  } catch {
    return null;
  }
}

/** Returns a socket's address in the form of {@link hostOf}. */
export function hostOfAddress(address: string): string | null {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return hostOf(bare.includes(':') ? `[${bare}]` : bare);
}

/** Returns true for `localhost` and names below it, which DNS servers must not assign (RFC 6761), and for loopback addresses. */
export function isLoopbackHost(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    /^\[::ffff:7f[0-9a-f]{2}:/.test(host)
  );
}
