import net from 'node:net';
import pg from 'pg';
import { DatabaseUnavailableError, SqlState, sqlState } from '../errors.ts';
import { type DatabaseServer, serverKey } from '../servers/server.ts';
import { Servers } from '../servers/servers.ts';
import { watchServer } from '../servers/watch-server.ts';
import { tlsOptions } from '../url/database-tls.ts';
import { type DatabaseTarget, parseDatabaseUrl } from '../url/database-url.ts';
import { OpeningGate } from './opening-gate.ts';
import { PinnedConnection, type PinnedConnectionOptions, type SessionOptions } from './pinned-connection.ts';
import { SESSION_SETTINGS, type SessionSettings } from './settings/session-settings.ts';

// Ids and positions are bigint in SQL. The checks of every request keep them below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** The sessions that a node keeps open beside its pool, by their purpose; `signals` only with PRESENCE=on. */
export const KEPT_SESSIONS = ['lock', 'listen', 'log', 'catchup', 'writer', 'tokens', 'signals'] as const;

/** The purpose of a session that a node keeps open. */
export type KeptSession = (typeof KEPT_SESSIONS)[number];

/** The purpose of a session: the last part of its application_name. */
export type SessionPart = KeptSession | 'pool' | 'migrate' | 'command';

/** Returns `plantao:<node>:<part>`, which a DBA sees in pg_stat_activity. PostgreSQL keeps 63 bytes of it. */
export function applicationName(node: string, part: SessionPart): string {
  return `plantao:${node}:${part}`;
}

/**
 * How long opening a session may take, in milliseconds: five round trips of one second each, or a SYN that is lost twice (it
 * is sent again after one and after three seconds).
 */
export const CONNECT_LIMIT_MS = 5000;
/** A server that has not accepted a connection within this time counts as unreachable. */
const REACHED_WITHIN_MS = 2000;
/** One of several servers is given up sooner, so that the error which names each of them comes in time. */
const WATCH_SHARE = 0.8;

/**
 * Returns connection options with the limits that pg lacks by default: opening has a deadline, TCP keepalive is on, and the
 * server ends every statement too (`statementLimitMs`), so that a lost client leaves nothing running for long.
 * Every field is set, since the driver takes a missing one from the environment (PGSSLMODE, …).
 * @throws when the URL cannot be used, or names a file that cannot be read.
 */
export function connectionOptions(
  url: string,
  applicationName: string,
  statementLimitMs: number,
  own: SessionSettings = {},
): PinnedConnectionOptions {
  const target = parseDatabaseUrl(url);
  const { user, password, database, tls } = target;
  const options = {
    user,
    password: () => password ?? Promise.reject(new MissingPasswordError()),
    database,
    // The driver decides by this whether to use TLS. It also reads the files, so that a missing one is reported at the start.
    ssl: tlsOptions(tls),
    tls,
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
  return { ...options, servers: serversOf(target, options) };
}

/** One object for each set of servers, so that all sessions of this process go to the same server. */
const serversByTarget = new Map<string, Servers>();

function serversOf(target: DatabaseTarget, options: Omit<PinnedConnectionOptions, 'servers'>): Servers {
  const { hosts, user, password, database, tls, sessionAttributes } = target;
  const key = JSON.stringify([hosts, user, password, database, tls, sessionAttributes]);
  const limitMs = (options.connectionTimeoutMillis ?? CONNECT_LIMIT_MS) * WATCH_SHARE;
  const watch = watchServer({
    requiresReadWrite: sessionAttributes === 'read-write',
    open: (server, onSocket) => {
      const sockets = new Sockets(onSocket);
      const name = options.application_name?.replace(/:[^:]*$/, ':search');
      // Pins no setting, and sends nothing that PostgreSQL and a pooler may handle differently.
      const bare = { ...options, ownOptions: '', throughPooler: true, ...(name && { application_name: name }) };
      const alone = { ...bare, connectionTimeoutMillis: limitMs, servers: new Servers([server], watch) };
      return new pg.Client({ ...clientConfig(alone, sockets), query_timeout: limitMs });
    },
  });
  const servers = serversByTarget.get(key) ?? new Servers(hosts, watch);
  serversByTarget.set(key, servers);
  return servers;
}

const gates = new Map<string, OpeningGate>();

/** Returns the gate that all sessions of this process with one user, database and server share. */
function gateTo(server: DatabaseServer, options: SessionOptions): OpeningGate {
  const key = JSON.stringify([serverKey(server), options.user, options.database]);
  const gate = gates.get(key) ?? new OpeningGate((signal) => tryToOpen(server, options, signal));
  gates.set(key, gate);
  return gate;
}

/** Opens a session to `server` and closes it. Resolves when the server has responded or cannot be reached; not after `signal`. */
function tryToOpen(server: DatabaseServer, options: SessionOptions, signal: AbortSignal): Promise<void> {
  const servers = { find: () => Promise.resolve(server), opening: () => null };
  return new Promise((resolve) => {
    // It does not keep the process running.
    const sockets = new Sockets((socket) => {
      const timer = setTimeout(resolve, REACHED_WITHIN_MS).unref();
      socket.unref().once('connect', () => clearTimeout(timer));
    });
    const patient = { ...options, servers, connectionTimeoutMillis: 0, onProgress: () => {} };
    const client = new pg.Client(clientConfig(patient, sockets, () => null));
    client.on('error', () => {});
    signal.addEventListener('abort', () => sockets.destroy(), { once: true });
    client
      .connect()
      .catch((error) => {
        // The server's authentication_timeout ended it: openings still hang.
        if (sqlState(error) === SqlState.QUERY_CANCELED) return new Promise(() => {});
      })
      .then(() => resolve());
  });
}

/** Returns the configuration of one client of pg, for its constructor. `gate` returns the gate that may delay the opening. */
export function clientConfig(
  options: SessionOptions,
  sockets: Sockets,
  gate: (server: DatabaseServer) => OpeningGate | null = (server) => gateTo(server, options),
): pg.ClientConfig {
  const {
    settings: _,
    ownOptions: _own,
    throughPooler: _pooler,
    servers: _servers,
    tls: _tls,
    onProgress: _on,
    onChangedSetting: _changed,
    ...config
  } = options;
  // The types lack this option.
  return Object.assign(config, { connection: new PinnedConnection(options, sockets.open, gate) });
}

/** Thrown where PostgreSQL requires a password and the URL has none. */
class MissingPasswordError extends DatabaseUnavailableError {
  override readonly name = 'MissingPasswordError';
  constructor() {
    super('PostgreSQL requires a password, and DATABASE_URL has none');
  }
}

/** The sockets of a group of pg clients. A half-open one can be destroyed here, where `end()` would wait for it. */
export class Sockets {
  readonly #open = new Set<net.Socket>();
  readonly #onOpen: (socket: net.Socket) => void;

  constructor(onOpen: (socket: net.Socket) => void = () => {}) {
    this.#onOpen = onOpen;
  }

  /** Creates a socket, for {@link clientConfig}. */
  readonly open = (): net.Socket => {
    const socket = new net.Socket();
    this.#onOpen(socket);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
