import pg from 'pg';
import { QueryTypes, Sequelize } from 'sequelize';
import { withTimeout } from '../../async/with-timeout.ts';
import { defineModels } from '../models.ts';
import { AbandonedBackends } from '../session/abandoned-backends.ts';
import { clientConfig, connectionOptions, Sockets } from '../session/connection.ts';
import type { PinnedConnectionOptions } from '../session/pinned-connection.ts';
import type { ChangedSetting } from '../session/settings/setting-changes.ts';
import { BoundedClient, type ClientBounds } from './bounded-client.ts';
import { PoolHealth } from './pool-health.ts';
import { TransactionClient } from './transaction-client.ts';

/** Limit for a statement of the pool, in milliseconds: shorter than clients wait, longer than any of our statements takes. */
const STATEMENT_LIMIT_MS = 5000;
/** Limit for a COMMIT. One that takes longer is blocked, and PostgreSQL has no timeout for that. */
const COMMIT_LIMIT_MS = 3000;
/** How long an orderly close of a connection may take. On a half-open one it never ends. */
const DISCONNECT_LIMIT_MS = 500;

/**
 * Creates the pool. Connections are opened when first needed, `poolSize` at most. A connection that is lost is replaced. A
 * statement without a reply fails a second after {@link STATEMENT_LIMIT_MS}.
 * `throughPooler`: settings are pinned in each transaction, since the sessions are shared; no statement is prepared by name.
 */
export function openSequelize(
  url: string,
  applicationName: string,
  poolSize: number,
  {
    throughPooler = false,
    onChangedSetting = () => {},
  }: { throughPooler?: boolean; onChangedSetting?: (changed: ChangedSetting) => void } = {},
): Sequelize {
  const pinned = connectionOptions(url, applicationName, STATEMENT_LIMIT_MS, { lock_timeout: 3000 });
  const options = { ...pinned, throughPooler, onChangedSetting };
  const { user: username, database } = options;
  const abandoned = new AbandonedBackends();
  const clients = new Set<BoundedClient>();
  const health = new PoolHealth();
  const sequelize = new Sequelize({
    dialect: 'postgres',
    // For Sequelize's own use; the client does not get its fields from Sequelize.
    username,
    database,
    // Without these options Sequelize would send a statement for each of them in every new session, for settings that are pinned
    // already. The types lack the first, so it is spread.
    ...{ keepDefaultTimezone: true },
    standardConformingStrings: false,
    dialectModule: { Client: poolClient(options, { abandoned, health }, clients), types: pg.types },
    logging: false,
    dialectOptions: { clientMinMessages: 'ignore' },
    pool: { max: poolSize, min: 1, idle: 30_000, acquire: 5000, evict: 5000 },
    define: { schema: 'plantao', timestamps: false, underscored: true },
  });
  // pg's end() waits for the other side to close as well, and so forever on a half-open socket.
  sequelize.addHook('beforeDisconnect', (connection: unknown) => {
    const { stream } = (connection as { connection: pg.Connection }).connection;
    const timer = setTimeout(() => stream.destroy(), DISCONNECT_LIMIT_MS);
    stream.once('close', () => clearTimeout(timer));
  });
  clientsOf.set(sequelize, clients);
  healthOf.set(sequelize, health);
  // Behind a pooler the process ids are the pooler's own, and the pooler limits the number of sessions.
  if (!throughPooler) {
    abandonedBy.set(sequelize, abandoned);
    sequelize.addHook('afterConnect', async (connection: unknown) => {
      const runQuery = async (text: string) => (await (connection as pg.Client).query(text)).rows;
      // A failure here would leak the connection. The next connection tries again.
      await abandoned.end(runQuery).catch(() => {});
    });
  }
  defineModels(sequelize);
  return sequelize;
}

const clientsOf = new WeakMap<Sequelize, ReadonlySet<BoundedClient>>();

/** Makes the pool reopen its connections; those in use finish their work first. */
export function renewPool(sequelize: Sequelize): void {
  for (const client of clientsOf.get(sequelize) ?? []) client.retire();
}

const healthOf = new WeakMap<Sequelize, PoolHealth>();

/** Returns {@link PoolHealth.problem} of the pool. */
export const poolProblem = (sequelize: Sequelize): string | null => healthOf.get(sequelize)?.problem ?? null;

const abandonedBy = new WeakMap<Sequelize, AbandonedBackends>();

/**
 * Ends the server processes that the pool has abandoned. Returns true if one of them waited for a synchronous standby.
 * @throws the database's error.
 */
export async function endAbandoned(sequelize: Sequelize): Promise<boolean> {
  const runQuery = (text: string) =>
    sequelize.query<{ pid: number; wait_event: string | null }>(text, { type: QueryTypes.SELECT });
  return (await abandonedBy.get(sequelize)?.end(runQuery)) ?? false;
}

/** Returns the constructor of the pool's clients. Of Sequelize's configuration it uses only the types. */
function poolClient(
  options: PinnedConnectionOptions,
  watched: Pick<ClientBounds, 'abandoned' | 'health'>,
  clients: Set<BoundedClient>,
) {
  return function PoolClient({ types }: pg.ClientConfig): pg.Client {
    const config = { ...clientConfig(options, new Sockets()), ...(types && { types }) };
    const bounds = {
      // A second above the server's own limit: this one ends a wait on a half-open socket.
      statementLimitMs: STATEMENT_LIMIT_MS + 1000,
      commitLimitMs: COMMIT_LIMIT_MS,
      ...watched,
    };
    const client = options.throughPooler
      ? new TransactionClient(config, bounds, options.settings)
      : new BoundedClient(config, bounds);
    clients.add(client);
    client.once('end', () => clients.delete(client));
    return client;
  };
}

/** The connections of a pool: all, those in use, and the requests that wait for one. */
export type PoolState = Readonly<Record<'size' | 'using' | 'waiting', number>>;

/** Returns the state of the pool, always the current one. Sequelize's types do not have it. */
export function poolOf(sequelize: Sequelize): PoolState {
  return (sequelize.connectionManager as unknown as { pool: PoolState }).pool;
}

/** How long the close of the pool waits for statements under way. */
const CLOSE_LIMIT_MS = 2000;

/** Closes the pool within {@link CLOSE_LIMIT_MS}. */
export function closeSequelize(sequelize: Sequelize): Promise<void> {
  return withTimeout(CLOSE_LIMIT_MS, sequelize.close(), () => {});
}
