/**
 * The one parser of `DATABASE_URL`, in the syntax of libpq (PostgreSQL manual, "Connection URIs"). The drivers get fields
 * and never the URL: each of them has a parser of its own, and what one reads as a socket another reads as localhost.
 */
import { isIP, isIPv6 } from 'node:net';
import { userInfo } from 'node:os';
import { readTls, type Tls, type TlsSettings, UNENCRYPTED } from './database-tls.ts';
import { DatabaseUrlError } from './database-url-error.ts';

/** A server: its name, address or socket folder (which starts with a slash), and its port. */
export interface DatabaseHost {
  host: string;
  port: number;
}

/** What a database URL names. */
export interface DatabaseTarget {
  /** At least one. */
  hosts: DatabaseHost[];
  user: string;
  /** Null where the URL has none: then the server must not ask for one. */
  password: string | null;
  database: string;
  tls: Tls;
  /** Command-line options for the server, as `-c name=value`; empty where there are none. */
  options: string;
  /** Null for the node's own limit. */
  connectTimeoutMs: number | null;
}

const DEFAULT_PORT = 5432;

/** Parameters that have one effect only, which a node has by itself; with another value they are refused. */
const FIXED: Record<string, readonly string[]> = {
  client_encoding: ['utf8', 'utf-8', 'auto'],
  // A node needs a server that takes writes, and says so at start where it meets another.
  target_session_attrs: ['any', 'read-write', 'primary'],
  channel_binding: ['prefer', 'disable'],
  gssencmode: ['disable', 'prefer'],
  keepalives: ['1'],
};

/** @throws {DatabaseUrlError} where the text is no such URL, or has a parameter that would not be honoured. */
export function parseDatabaseUrl(text: string): DatabaseTarget {
  const [scheme] = /^postgres(ql)?:\/\//i.exec(text) ?? [];
  if (scheme === undefined) throw new DatabaseUrlError('must be a postgres:// URL');
  const { credentials, location } = splitCredentials(text.slice(scheme.length));
  const [address = '', query = ''] = splitOnce(location, '?');
  const [hosts = '', database = ''] = splitOnce(address, '/');
  const [user = '', password] = splitOnce(credentials, ':');
  const given = readParameters(query);
  const take = (name: string): string | undefined => {
    const value = given.get(name);
    given.delete(name);
    return value || undefined;
  };
  const login = take('user') ?? (decode(user) || userInfo().username);
  const target: DatabaseTarget = {
    hosts: readHosts(hosts, take('host'), take('port')),
    user: login,
    password: take('password') ?? (password ? decode(password) : null),
    database: take('dbname') ?? (decode(database) || login),
    options: take('options') ?? '',
    connectTimeoutMs: readConnectTimeout(take('connect_timeout')),
    tls: UNENCRYPTED,
  };
  const tls = readTls(takeTls(take));
  // As libpq has it: what never leaves the machine is not encrypted.
  if (target.hosts.some(({ host }) => !host.startsWith('/'))) target.tls = tls;
  for (const [name, values] of Object.entries(FIXED)) {
    const value = take(name);
    if (value === undefined || values.includes(value.toLowerCase())) continue;
    throw new DatabaseUrlError(
      `has ${name}=${value}, which is not supported: use ${values.join(', ')} or leave it out`,
    );
  }
  const [unknown] = given.keys();
  if (unknown !== undefined) {
    throw new DatabaseUrlError(`has the parameter ${unknown}, which is not supported: leave it out`);
  }
  return target;
}

/** The one server of a target. @throws {DatabaseUrlError} where there are several. */
export function onlyHost({ hosts: [first, ...others] }: DatabaseTarget): DatabaseHost {
  if (!first || others.length > 0) throw new DatabaseUrlError('names several hosts: name one');
  return first;
}

/** The reverse of the parser, for a database that is given in parts; a part may have any character. */
export function databaseUrlOf(parts: {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}): string {
  const isSocket = parts.host.startsWith('/');
  const host = isSocket ? encodeURIComponent(parts.host) : isIPv6(parts.host) ? `[${parts.host}]` : parts.host;
  const login = [parts.user, ...(parts.password ? [parts.password] : [])].map(encodeURIComponent).join(':');
  return `postgres://${login ? `${login}@` : ''}${host}:${parts.port}/${encodeURIComponent(parts.database)}`;
}

/** "chat on db:5432", for errors; never the user or the password. Any text may be given. */
export function describeDatabase(url: string): string {
  try {
    const { hosts, database } = parseDatabaseUrl(url);
    const named = hosts.map(({ host, port }) => `${isIPv6(host) ? `[${host}]` : host}:${port}`);
    return `${database} on ${named.join(', ')}`;
  } catch {
    return 'of DATABASE_URL';
  }
}

/** True for a host name, an address or a socket folder, without a port. */
export function isDatabaseHost(text: string): boolean {
  return text.startsWith('/') || isIP(text) !== 0 || /^[\w-]+(\.[\w-]+)*\.?$/.test(text);
}

/** Before the last @ that comes ahead of path and parameters, so that a password may have @ and ? as they are. */
function splitCredentials(text: string): { credentials: string; location: string } {
  const first = text.indexOf('@');
  const slash = text.indexOf('/');
  if (first < 0 || (slash >= 0 && slash < first)) return { credentials: '', location: text };
  const length = text.slice(first).search(/[/?]/);
  const last = text.lastIndexOf('@', length < 0 ? undefined : first + length);
  return { credentials: text.slice(0, last), location: text.slice(last + 1) };
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A percent sign that begins no escape stands for itself: passwords have them, and people forget to encode them. */
function decode(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

function readParameters(query: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const [encodedName = '', encoded = ''] = splitOnce(pair, '=');
    const name = decode(encodedName);
    if (given.has(name)) throw new DatabaseUrlError(`has the parameter ${name} twice`);
    // A URL that a program has put together has + for a space, which no option of the server contains.
    given.set(name, decode(name === 'options' ? encoded.replaceAll('+', ' ') : encoded));
  }
  return given;
}

function readHosts(authority: string, hostList: string | undefined, portList: string | undefined): DatabaseHost[] {
  const listed = authority.split(',').map(readHost);
  const hosts = hostList?.split(',') ?? listed.map(({ host }) => host);
  const ports = portList?.split(',') ?? listed.map(({ port }) => port);
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new DatabaseUrlError(
      `names ${hosts.length} hosts and ${ports.length} ports: give each host its port, or one port`,
    );
  }
  return hosts.map((text, index) => {
    const host = text || 'localhost';
    if (!isDatabaseHost(host)) throw new DatabaseUrlError(`names the host ${host}, which is no host name or address`);
    return { host, port: readPort(ports[index] ?? ports[0] ?? '') };
  });
}

function readHost(text: string): { host: string; port: string } {
  const [, address, name = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  if (address !== undefined && !isIPv6(decode(address))) {
    throw new DatabaseUrlError(`names the host [${address}], which is no IPv6 address`);
  }
  return { host: decode(address ?? name), port: decode(port) };
}

function readPort(text: string): number {
  if (text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new DatabaseUrlError('names a port that is no number from 1 to 65535');
}

function readConnectTimeout(text: string | undefined): number | null {
  if (text === undefined || text === '0') return null;
  if (/^\d{1,4}$/.test(text)) return Number(text) * 1000;
  throw new DatabaseUrlError('has a connect_timeout that is no number of seconds');
}

function takeTls(take: (name: string) => string | undefined): TlsSettings {
  return {
    mode: take('sslmode'),
    isWanted: take('ssl'),
    rootCertificate: take('sslrootcert'),
    certificate: take('sslcert'),
    key: take('sslkey'),
    negotiation: take('sslnegotiation'),
  };
}
