import pg from 'pg';
import { Sequelize } from 'sequelize';
import { within } from '../within.ts';
import { type ConnectionOptions, clientConfig, connectionOptions, Sockets } from './connection.ts';
import { defineModels } from './models.ts';
import { TransactionClient } from './transaction-client.ts';

/** A statement of the pool may take this long, in milliseconds: less than clients wait, more than any of ours needs. */
const STATEMENT_LIMIT_MS = 5000;
/** How long a connection may take to be closed in order; a half-open one never is. */
const DISCONNECT_LIMIT_MS = 500;

/**
 * Opens nothing yet: connections are made when first needed, `poolSize` at the most. A connection that died is found out
 * by its error and replaced; one that does not answer ends its statement after {@link STATEMENT_LIMIT_MS} and a second.
 * `throughPooler`: settings are pinned for each transaction, since no session is ours; nothing here is prepared by name.
 */
export function openSequelize(
  url: string,
  applicationName: string,
  poolSize: number,
  { throughPooler = false }: { throughPooler?: boolean } = {},
): Sequelize {
  const pinned = connectionOptions(url, applicationName, STATEMENT_LIMIT_MS, { lock_timeout: 3000 });
  const options = { ...pinned, throughPooler };
  const { host, port, user: username, database } = options;
  const sequelize = new Sequelize({
    dialect: 'postgres',
    // Named for Sequelize's own use; the client gets its fields from us.
    ...{ host, port, username, database },
    // Each would be one more statement to open a session with, and is pinned already; the types lack the first.
    ...{ keepDefaultTimezone: true },
    standardConformingStrings: false,
    dialectModule: { Client: poolClient(options), types: pg.types },
    logging: false,
    dialectOptions: { clientMinMessages: 'ignore' },
    pool: { max: poolSize, min: 1, idle: 30_000, acquire: 5000, evict: 5000 },
    define: { schema: 'plantao', timestamps: false, underscored: true },
  });
  // pg's end() waits for the other side to close as well, and so for ever on a half-open socket.
  sequelize.addHook('beforeDisconnect', (connection: unknown) => {
    const { stream } = (connection as { connection: pg.Connection }).connection;
    const timer = setTimeout(() => stream.destroy(), DISCONNECT_LIMIT_MS);
    stream.once('close', () => clearTimeout(timer));
  });
  defineModels(sequelize);
  return sequelize;
}

/** What the pool makes its clients with, as a constructor; of Sequelize's own configuration only the types are taken. */
function poolClient(options: ConnectionOptions) {
  return function PoolClient({ types }: pg.ClientConfig): pg.Client {
    // query_timeout is what ends a wait on a half-open socket; a second above the server's own limit.
    const limits = { query_timeout: STATEMENT_LIMIT_MS + 1000, ...(types && { types }) };
    const config = { ...clientConfig(options, new Sockets()), ...limits };
    const client = options.throughPooler ? new TransactionClient(config, options.settings) : new pg.Client(config);
    // Sequelize listens for its errors only some time after it has been connected; one that comes in between (the server
    // restarts, a DBA ends the session) would be nobody's and end the process. The client knows by itself that it is of
    // no use any more: the next query on it fails, and the pool lets it go.
    client.on('error', () => undefined);
    return client;
  };
}

/** For statements under way when the pool is closed: a database that does not answer is not waited for any longer. */
const CLOSE_LIMIT_MS = 2000;

/** Closes the pool in order, within {@link CLOSE_LIMIT_MS}. */
export function closeSequelize(sequelize: Sequelize): Promise<void> {
  return within(CLOSE_LIMIT_MS, sequelize.close());
}
