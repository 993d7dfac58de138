import { lookup as lookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { resolveHost } from '../../database/servers/server.ts';
import type { DatabaseHost } from '../../database/url/database-hosts.ts';
import { parseDatabaseUrl } from '../../database/url/database-url.ts';
import { withServers } from '../../database/url/rewrite-url.ts';
import { type Direction, startTcpProxy, type TcpProxy, type TcpProxyTarget } from './tcp-proxy.ts';

/** One address of a host in the URL: the address number `at` of those that its name has now. */
interface HostAddress {
  host: DatabaseHost;
  at: number;
}

/** All connections between a node and PostgreSQL: a proxy for each server in its URLs, disturbed and healed together. */
export class DatabaseLink {
  readonly #proxies: TcpProxy[];
  /** DATABASE_URL of the node, and its DATABASE_DIRECT_URL if it has one: both lead through the proxies. */
  readonly urls: { url: string; directUrl: string | null };

  private constructor(proxies: TcpProxy[], urls: DatabaseLink['urls']) {
    this.#proxies = proxies;
    this.urls = urls;
  }

  /** Starts the proxies. @throws the system's error where a name does not resolve. */
  static async open(url: string, directUrl: string | null = null): Promise<DatabaseLink> {
    const proxies: TcpProxy[] = [];
    const via = async (one: string) => {
      const routes = await routesOf(one);
      const started = await Promise.all(routes.map((route) => startTcpProxy(targetOf(route))));
      proxies.push(...started);
      return withServers(
        one,
        routes.map(({ host }, at) => proxyAddressOf(host, started[at]?.port ?? 0)),
      );
    };
    try {
      return new DatabaseLink(proxies, {
        url: await via(url),
        directUrl: directUrl === null ? null : await via(directUrl),
      });
    } catch (error) {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      throw error;
    }
  }

  /** True while bytes are swallowed, held back or delayed, so that one side learns late or never what the other does. */
  get isDisturbed(): boolean {
    return this.#proxies.some((proxy) => proxy.isDisturbed);
  }

  /** Calls {@link TcpProxy.swallow} for each server. */
  swallow(direction: Direction | 'both'): void {
    for (const proxy of this.#proxies) proxy.swallow(direction);
  }

  /** Calls {@link TcpProxy.stall} for each server. */
  stall(): void {
    for (const proxy of this.#proxies) proxy.stall();
  }

  /** Calls {@link TcpProxy.cut} for each server. */
  cut(): void {
    for (const proxy of this.#proxies) proxy.cut();
  }

  /** Calls {@link TcpProxy.setLatency} for each server. */
  setLatency(ms: number): void {
    for (const proxy of this.#proxies) proxy.setLatency(ms);
  }

  /** Calls {@link TcpProxy.heal} for each server. */
  heal(): void {
    for (const proxy of this.#proxies) proxy.heal();
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }
}

/**
 * Returns a route for each server that the URL names. A name with several addresses stands for several servers, as it does for a
 * node; `localhost` is one machine.
 */
async function routesOf(url: string): Promise<HostAddress[]> {
  const { hosts } = parseDatabaseUrl(url);
  const counts = await Promise.all(
    hosts.map(async (host) => (host.host === 'localhost' && hosts.length === 1 ? 1 : (await resolveHost(host)).length)),
  );
  return hosts.flatMap((host, index) => Array.from({ length: counts[index] ?? 1 }, (_, at) => ({ host, at })));
}

function targetOf({ host: { host, port, address }, at }: HostAddress): TcpProxyTarget {
  if (host.startsWith('/')) return { path: `${host}/.s.PGSQL.${port}` };
  return { host: address ?? host, port, lookup: lookupOfAddress(at) };
}

/** Returns a lookup that resolves a name again for each connection, since a failover may change it, and takes its address number `at`. */
function lookupOfAddress(at: number): LookupFunction {
  return (name, options, done) => {
    lookupAddress(name, { ...options, all: true, verbatim: true }, (error, found) => {
      if (error || at === 0) return done(error, options.all ? found : (found[0]?.address ?? ''), found[0]?.family);
      const one = found[at] ?? found[0];
      return done(null, options.all && one ? [one] : (one?.address ?? ''), one?.family);
    });
  };
}

/** Returns the address of a proxy under the name of the host, against which certificates are checked; a socket has no name. */
function proxyAddressOf({ host }: DatabaseHost, port: number): DatabaseHost & { address: string } {
  return { host: host.startsWith('/') ? '127.0.0.1' : host, address: '127.0.0.1', port };
}
