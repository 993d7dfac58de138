/** Changes one thing in a database URL and keeps the rest as it was written: credentials, TLS, options. */
import type { DatabaseHost } from './database-hosts.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { decodeEscapes, splitCredentials, splitOnce } from './url-text.ts';

interface Parts {
  /** The scheme and the credentials. */
  login: string;
  /** The hosts. */
  authority: string;
  /** The database, encoded. */
  path: string;
  /** The parameters, encoded. */
  parameters: string[];
}

function split(url: string): Parts {
  parseDatabaseUrl(url);
  const scheme = url.indexOf('://') + 3;
  const { location } = splitCredentials(url.slice(scheme));
  const [address = '', query = ''] = splitOnce(location, '?');
  const [authority = '', path = ''] = splitOnce(address, '/');
  const parameters = query.split('&').filter((pair) => pair !== '');
  return { login: url.slice(0, url.length - location.length), authority, path, parameters };
}

function join({ login, authority, path, parameters }: Parts): string {
  return `${login}${authority}/${path}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`;
}

function without(parameters: readonly string[], ...names: string[]): string[] {
  return parameters.filter((pair) => !names.includes(decodeEscapes(splitOnce(pair, '=')[0] ?? '')));
}

/** Returns the URL of another database on the same servers. @throws {DatabaseUrlError}. */
export function withDatabaseName(url: string, database: string): string {
  const parts = split(url);
  return join({ ...parts, path: encodeURIComponent(database), parameters: without(parts.parameters, 'dbname') });
}

/**
 * Returns the URL with these servers instead of its hosts. A host with an `address` keeps its name, against which its
 * certificate is checked. @throws {DatabaseUrlError}.
 */
export function withServers(url: string, servers: readonly (DatabaseHost & { address: string })[]): string {
  const parts = split(url);
  const list = (values: readonly (string | number)[]) => encodeURIComponent(values.join(','));
  const parameters = [
    ...without(parts.parameters, 'host', 'hostaddr', 'port'),
    `host=${list(servers.map(({ host }) => host))}`,
    `hostaddr=${list(servers.map(({ address }) => address))}`,
    `port=${list(servers.map(({ port }) => port))}`,
  ];
  return join({ ...parts, authority: '', parameters });
}
