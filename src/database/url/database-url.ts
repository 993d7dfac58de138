/**
 * The only parser of `DATABASE_URL`, in the syntax of libpq (PostgreSQL manual, "Connection URIs"). The drivers get fields and
 * never the URL: each of them has a parser of its own, and one reads as localhost what another reads as a socket.
 */
import { isIP, isIPv6 } from 'node:net';
import { userInfo } from 'node:os';
import { readTls, type Tls, type TlsSettings, UNENCRYPTED } from './database-tls.ts';
import { DatabaseUrlError } from './database-url-error.ts';

/** A host of a URL and its port. */
export interface DatabaseHost {
  /** A name, an address, or the folder of a socket, which starts with a slash. */
  host: string;
  port: number;
  /** From `hostaddr`: where to connect, instead of resolving the name. */
  address: string | null;
}

/** The content of a database URL. */
export interface DatabaseTarget {
  /** At least one. */
  hosts: DatabaseHost[];
  user: string;
  /** Null if the URL has none: then the server must not require one. */
  password: string | null;
  database: string;
  tls: Tls;
  /** Command-line options for the server, as `-c name=value`; empty where there are none. */
  options: string;
  /** Null for the node's own limit. */
  connectTimeoutMs: number | null;
  /** Which of several servers is used. primary: one that is not in recovery. read-write: one that is not read-only by default either. */
  sessionAttributes: 'primary' | 'read-write';
}

const DEFAULT_PORT = 5432;

/** Parameters that are accepted only with the values for what a session does anyway. */
const FIXED: Record<string, readonly string[]> = {
  client_encoding: ['utf8', 'utf-8', 'auto'],
  channel_binding: ['prefer', 'disable'],
  gssencmode: ['disable', 'prefer'],
  keepalives: ['1'],
};

/** A node writes and listens, and a standby allows neither: of several servers only one that accepts writes is used. */
const SESSION_ATTRIBUTES: Record<string, DatabaseTarget['sessionAttributes']> = {
  any: 'read-write',
  'read-write': 'read-write',
  primary: 'primary',
};

/**
 * Parses a database URL.
 * @throws {DatabaseUrlError} when the text is not such a URL, or has a parameter that would not be honoured.
 */
export function parseDatabaseUrl(text: string): DatabaseTarget {
  // In PostgreSQL's start-up message it would end the value and begin another setting.
  if (/%00|\0/.test(text)) throw new DatabaseUrlError('has a zero byte (%00)');
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
  const login = take('user') ?? (decodeEscapes(user) || userInfo().username);
  const target: DatabaseTarget = {
    hosts: readHosts(hosts, take('host'), take('hostaddr'), take('port')),
    user: login,
    password: take('password') ?? (password ? decodeEscapes(password) : null),
    database: take('dbname') ?? (decodeEscapes(database) || login),
    options: take('options') ?? '',
    connectTimeoutMs: readConnectTimeout(take('connect_timeout')),
    sessionAttributes: readSessionAttributes(take('target_session_attrs')),
    tls: UNENCRYPTED,
  };
  const tls = readTls(takeTls(take));
  // As libpq does: what never leaves the machine is not encrypted.
  const sockets = target.hosts.filter(({ host }) => host.startsWith('/'));
  if (sockets.length < target.hosts.length) target.tls = tls;
  if (sockets.length > 0 && target.tls.mode !== 'disable') {
    throw new DatabaseUrlError('names sockets and hosts with TLS: name only one kind, or use sslmode=disable');
  }
  if (take('load_balance_hosts')?.toLowerCase().replace('disable', '')) {
    throw new DatabaseUrlError(
      'has load_balance_hosts, which is not supported: all sessions of a node go to the one server that accepts writes',
    );
  }
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

/** Returns the URL of a database that is given in parts. A part may contain any character. */
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

/** Returns "chat on db:5432" for errors, never the user or the password. Accepts any text. */
export function describeDatabase(url: string): string {
  try {
    const { hosts, database } = parseDatabaseUrl(url);
    const named = hosts.map(({ host, port }) => `${isIPv6(host) ? `[${host}]` : host}:${port}`);
    return `${database} on ${named.join(', ')}`;
  } catch {
    return 'of DATABASE_URL';
  }
}

/** Returns true for a host name, an address or a socket folder, without a port. */
export function isDatabaseHost(text: string): boolean {
  return text.startsWith('/') || isIP(text) !== 0 || /^[\w-]+(\.[\w-]+)*\.?$/.test(text);
}

/** Splits at the last @ before the path and the parameters, so that a password may contain @ and ? unencoded. */
export function splitCredentials(text: string): { credentials: string; location: string } {
  const first = text.indexOf('@');
  const slash = text.indexOf('/');
  if (first < 0 || (slash >= 0 && slash < first)) return { credentials: '', location: text };
  const length = text.slice(first).search(/[/?]/);
  const last = text.lastIndexOf('@', length < 0 ? undefined : first + length);
  return { credentials: text.slice(0, last), location: text.slice(last + 1) };
}

/** Splits at the first separator; returns one part if there is none. */
export function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Decodes escapes. A percent sign that begins none is kept: passwords contain it unencoded. */
export function decodeEscapes(text: string): string {
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
    const name = decodeEscapes(encodedName);
    if (given.has(name)) throw new DatabaseUrlError(`has the parameter ${name} twice`);
    // A program may have encoded a space as +, which no option of the server contains.
    given.set(name, decodeEscapes(name === 'options' ? encoded.replaceAll('+', ' ') : encoded));
  }
  return given;
}

function readHosts(
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

function readSessionAttributes(text = 'any'): DatabaseTarget['sessionAttributes'] {
  const found = SESSION_ATTRIBUTES[text.toLowerCase()];
  if (found !== undefined) return found;
  throw new DatabaseUrlError(
    `has target_session_attrs=${text}, which is not supported, since a node writes and listens: use read-write, primary or any`,
  );
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

function readConnectTimeout(text: string | undefined): number | null {
  if (text === undefined || text === '0') return null;
  if (/^\d{1,4}$/.test(text)) return Number(text) * 1000;
  throw new DatabaseUrlError('has a connect_timeout that is not a number of seconds');
}

function takeTls(take: (name: string) => string | undefined): TlsSettings {
  return {
    mode: take('sslmode'),
    ssl: take('ssl'),
    rootCertificate: take('sslrootcert'),
    certificate: take('sslcert'),
    key: take('sslkey'),
    negotiation: take('sslnegotiation'),
  };
}
