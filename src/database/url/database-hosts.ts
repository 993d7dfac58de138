import { isIP, isIPv6 } from 'node:net';
import { DatabaseUrlError } from './database-url-error.ts';
import { decodeEscapes } from './url-text.ts';

/** A host of a URL and its port. */
export interface DatabaseHost {
  /** A name, an address, or the folder of a socket, which starts with a slash. */
  host: string;
  port: number;
  /** From `hostaddr`: where to connect, instead of resolving the name. */
  address: string | null;
}

const DEFAULT_PORT = 5432;

/** Returns true for a host name, an address or a socket folder, without a port. */
export function isDatabaseHost(text: string): boolean {
  return text.startsWith('/') || isIP(text) !== 0 || /^[\w-]+(\.[\w-]+)*\.?$/.test(text);
}

/** Reads the hosts, from the part of a URL before the path and from its parameters. @throws {DatabaseUrlError} */
export function readHosts(
  authority: string,
  hostList: string | undefined,
  addressList: string | undefined,
  portList: string | undefined,
): DatabaseHost[] {
  const listed = authority.split(',').map(readHost);
  const isNamed = hostList !== undefined || listed.some(({ host }) => host !== '');
  const addresses = addressList?.split(',') ?? [];
  const hosts = hostList?.split(',') ?? (isNamed || !addressList ? listed.map(({ host }) => host) : addresses);
  const ports = portList?.split(',') ?? (hosts.length === listed.length ? listed.map(({ port }) => port) : ['']);
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new DatabaseUrlError(
      `names ${hosts.length} hosts and ${ports.length} ports: give each host its port, or one port`,
    );
  }
  if (addresses.length !== 0 && addresses.length !== hosts.length) {
    throw new DatabaseUrlError(`names ${hosts.length} hosts and ${addresses.length} in hostaddr: give each host one`);
  }
  return hosts.map((text, index) => {
    const address = addresses[index] || null;
    const host = text || address || 'localhost';
    if (!isDatabaseHost(host)) {
      throw new DatabaseUrlError(`names the host ${host}, which is not a host name or address`);
    }
    if (address !== null && isIP(address) === 0) {
      throw new DatabaseUrlError(`names ${address} in hostaddr, which is not an IP address`);
    }
    return { host, port: readPort(ports[index] ?? ports[0] ?? ''), address };
  });
}

function readHost(text: string): { host: string; port: string } {
  const [, address, name = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  if (address !== undefined && !isIPv6(decodeEscapes(address))) {
    throw new DatabaseUrlError(`names the host [${address}], which is not an IPv6 address`);
  }
  return { host: decodeEscapes(address ?? name), port: decodeEscapes(port) };
}

function readPort(text: string): number {
  if (text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new DatabaseUrlError('names a port that is not a number from 1 to 65535');
}
