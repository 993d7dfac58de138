import net from 'node:net';
import pg from 'pg';
import { DatabaseUnavailableError } from '../errors.ts';
import { tlsOptions } from '../url/database-tls.ts';
import { onlyHost, parseDatabaseUrl } from '../url/database-url.ts';
import { type ConnectionOptions, PinnedConnection } from './pinned-connection.ts';
import { SESSION_SETTINGS, type SessionSettings } from './session-settings.ts';

// Ids and positions are bigint in SQL and stay below 2^53 by the checks on every request.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** What a session is for; the last part of its application_name. */
export type SessionPart = 'lock' | 'listen' | 'log' | 'backlog' | 'writer' | 'tokens' | 'pool' | 'migrate';

/** `plantao:<node>:<part>`, what a DBA sees in pg_stat_activity. PostgreSQL keeps 63 bytes of it. */
export function applicationName(node: string, part: SessionPart): string {
  return `plantao:${node}:${part}`;
}

/**
 * How long any session may take to be opened, in milliseconds: five times there and back, over a way that takes half a
 * second each way, or with a SYN that was lost twice (it is sent again after one and three seconds).
 */
export const CONNECT_LIMIT_MS = 5000;

/**
 * Connection options with the limits that pg lacks by default: opening has a deadline, TCP keepalive is on, and every
 * statement ends on the server too (`statementLimitMs`), so that a lost client leaves nothing running for long.
 * Each field is given, since the driver takes one that is missing from the environment (PGHOST, PGSSLMODE, …).
 * @throws {DatabaseUrlError}
 */
export function connectionOptions(
  url: string,
  applicationName: string,
  statementLimitMs: number,
  own: SessionSettings = {},
): ConnectionOptions {
  const target = parseDatabaseUrl(url);
  const { user, password, database, tls } = target;
  return {
    ...onlyHost(target),
    user,
    password: () => password ?? Promise.reject(new MissingPasswordError()),
    database,
    ssl: tlsOptions(tls),
    sslnegotiation: tls.negotiation,
    application_name: applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs ?? CONNECT_LIMIT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ownOptions: target.options,
    throughPooler: false,
    settings: {
      ...SESSION_SETTINGS,
      statement_timeout: statementLimitMs,
      idle_in_transaction_session_timeout: statementLimitMs,
      ...own,
    },
  };
}

/** For the constructor of one client of pg, whoever calls it. */
export function clientConfig(options: ConnectionOptions, sockets: Sockets): pg.ClientConfig {
  const { settings: _, ownOptions: _own, throughPooler: _pooler, ...config } = options;
  // The types know nothing of a connection that is given.
  return Object.assign(config, { connection: new PinnedConnection(options, sockets.open) });
}

/** Raised where PostgreSQL asks for a password and the URL has none. */
class MissingPasswordError extends DatabaseUnavailableError {
  override readonly name = 'MissingPasswordError';
  constructor() {
    super('PostgreSQL asks for a password, and DATABASE_URL has none');
  }
}

/** The sockets under a group of pg clients, kept so that a half-open one can be destroyed: `end()` alone waits for it. */
export class Sockets {
  readonly #open = new Set<net.Socket>();

  /** For {@link clientConfig}. */
  readonly open = (): net.Socket => {
    const socket = new net.Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
