import { isIP, isIPv6 } from 'node:net';
import { databaseDns } from '../../network/dns-cache.ts';
import type { DatabaseHost } from '../url/database-hosts.ts';

/** One PostgreSQL server, as a session reaches it. */
export interface DatabaseServer {
  /** The name, address or socket folder in the URL. A certificate is checked against it. */
  host: string;
  /** The address to connect to. */
  address: string;
  port: number;
}

/** Returns a key: two servers are the same if their keys are equal. */
export const serverKey = ({ address, port }: DatabaseServer): string => `${address} ${port}`;

/** Returns a server as errors name it, e.g. `db1:5432 (10.0.0.7)`. */
export function describeServer({ host, address, port }: DatabaseServer): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return `${name}:${port}${address === host ? '' : ` (${address})`}`;
}

/** Returns true if a host needs no lookup in the DNS. `localhost` is two addresses of one machine, which the system tries itself. */
export function isResolved({ host, address }: DatabaseHost): boolean {
  return address !== null || host.startsWith('/') || isIP(host) !== 0;
}

/** Returns a server for each address of a host. @throws the system's error where the name does not resolve. */
export async function resolveHost(given: DatabaseHost): Promise<DatabaseServer[]> {
  const { host, port } = given;
  if (isResolved(given)) return [{ host, port, address: given.address ?? host }];
  const addresses = await databaseDns.find(host);
  return addresses.map(({ address }) => ({ host, port, address }));
}
