/**
 * The only parser of `DATABASE_URL`, in the syntax of libpq (PostgreSQL manual, "Connection URIs"). The drivers get fields and
 * never the URL: each of them has a parser of its own, and one reads as localhost what another reads as a socket.
 */
import { isIPv6 } from 'node:net';
import { userInfo } from 'node:os';
import { type DatabaseHost, readHosts } from './database-hosts.ts';
import { readTls, type Tls, type TlsSettings, UNENCRYPTED } from './database-tls.ts';
import { DatabaseUrlError } from './database-url-error.ts';
import { decodeEscapes, splitCredentials, splitOnce } from './url-text.ts';

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

/** Parameters that are accepted only with values that change nothing. */
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
  const take: Take = (name) => {
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
  refuseUnsupported(take, given);
  return target;
}

/** Returns a parameter that is not empty, and removes it from those that are left. */
type Take = (name: string) => string | undefined;

/** Refuses the parameters that would not be honoured. `given` has those that nothing has taken. */
function refuseUnsupported(take: Take, given: ReadonlyMap<string, string>): void {
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

function readSessionAttributes(text = 'any'): DatabaseTarget['sessionAttributes'] {
  const found = SESSION_ATTRIBUTES[text.toLowerCase()];
  if (found !== undefined) return found;
  throw new DatabaseUrlError(
    `has target_session_attrs=${text}, which is not supported, since a node writes and listens: use read-write, primary or any`,
  );
}

function readConnectTimeout(text: string | undefined): number | null {
  if (text === undefined || text === '0') return null;
  if (/^\d{1,4}$/.test(text)) return Number(text) * 1000;
  throw new DatabaseUrlError('has a connect_timeout that is not a number of seconds');
}

function takeTls(take: Take): TlsSettings {
  return {
    mode: take('sslmode'),
    ssl: take('ssl'),
    rootCertificate: take('sslrootcert'),
    certificate: take('sslcert'),
    key: take('sslkey'),
    negotiation: take('sslnegotiation'),
  };
}
