import { decodeEscapes, splitCredentials, splitOnce } from './url-text.ts';

const MASK = '***';

/**
 * Returns a URL, of a database or of anything else, with its secrets masked: the password, and parameters whose name says that they
 * are secret. Returns text that is not a URL as it is.
 */
export function maskUrlSecrets(url: string): string {
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url) ?? [];
  if (scheme === undefined) return url;
  const { credentials, location } = splitCredentials(url.slice(scheme.length));
  const [user = '', password] = splitOnce(credentials, ':');
  // A user name in a web address is often a secret itself, such as a token.
  const shownUser = /^http/i.test(scheme) ? MASK : user;
  const login = credentials === '' ? '' : `${shownUser}${password === undefined ? '' : `:${MASK}`}@`;
  const [address = '', query] = splitOnce(location, '?');
  return `${scheme}${login}${address}${query === undefined ? '' : `?${maskParameters(query)}`}`;
}

function maskParameters(query: string): string {
  const masked = query.split('&').map((pair) => {
    const [name = '', value] = splitOnce(pair, '=');
    // The name of a parameter may be escaped: "p%61ssword".
    return value !== undefined && /pass|secret|token/i.test(decodeEscapes(name)) ? `${name}=${MASK}` : pair;
  });
  return masked.join('&');
}
