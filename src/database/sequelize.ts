import pg from 'pg';
import { QueryTypes, Sequelize } from 'sequelize';
import { within } from '../within.ts';
import { defineModels } from './models.ts';
import { AbandonedBackends } from './session/abandoned-backends.ts';
import { BoundedClient } from './session/bounded-client.ts';
import { clientConfig, connectionOptions, Sockets } from './session/connection.ts';
import type { ConnectionOptions } from './session/pinned-connection.ts';
import { TransactionClient } from './session/transaction-client.ts';

/** A statement of the pool may take this long, in milliseconds: less than clients wait, more than any of ours needs. */
const STATEMENT_LIMIT_MS = 5000;
/** A COMMIT has no work to do: one that takes longer is held up, and PostgreSQL has no limit of its own for that. */
const COMMIT_LIMIT_MS = 3000;
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
  const { user: username, database } = options;
  const abandoned = new AbandonedBackends();
  const sequelize = new Sequelize({
    dialect: 'postgres',
    // For Sequelize's own use; the client does not get its fields from Sequelize.
    ...{ username, database },
    // Each would be one more statement to open a session with, and is pinned already; the types lack the first.
    ...{ keepDefaultTimezone: true },
    standardConformingStrings: false,
    dialectModule: { Client: poolClient(options, abandoned), types: pg.types },
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
  // Behind a pooler the numbers of processes are the pooler's own, and it bounds how many there are.
  if (!throughPooler) {
    abandonedBy.set(sequelize, abandoned);
    sequelize.addHook('afterConnect', async (connection: unknown) => {
      const ask = async (text: string) => (await (connection as pg.Client).query(text)).rows;
      // A failure here would leave the connection open and nobody's; the next one does it.
      await abandoned.end(ask).catch(() => {});
    });
  }
  defineModels(sequelize);
  return sequelize;
}

const abandonedBy = new WeakMap<Sequelize, AbandonedBackends>();

/** Ends what the pool has given up; true where one waited for a synchronous standby. @throws the database's error. */
export async function endAbandoned(sequelize: Sequelize): Promise<boolean> {
  const ask = (text: string) =>
    sequelize.query<{ pid: number; wait_event: string | null }>(text, { type: QueryTypes.SELECT });
  return (await abandonedBy.get(sequelize)?.end(ask)) ?? false;
}

/** What the pool makes its clients with, as a constructor; of Sequelize's own configuration only the types are taken. */
function poolClient(options: ConnectionOptions, abandoned: AbandonedBackends) {
  return function PoolClient({ types }: pg.ClientConfig): pg.Client {
    const config = { ...clientConfig(options, new Sockets()), ...(types && { types }) };
    const bounds = {
      // A second above the server's own limit: this one ends a wait on a half-open socket.
      statementLimitMs: STATEMENT_LIMIT_MS + 1000,
      commitLimitMs: COMMIT_LIMIT_MS,
      abandoned,
    };
    return options.throughPooler
      ? new TransactionClient(config, bounds, options.settings)
      : new BoundedClient(config, bounds);
  };
}

/** For statements under way when the pool is closed: a database that does not answer is not waited for any longer. */
const CLOSE_LIMIT_MS = 2000;

/** Closes the pool in order, within {@link CLOSE_LIMIT_MS}. */
export function closeSequelize(sequelize: Sequelize): Promise<void> {
  return within(CLOSE_LIMIT_MS, sequelize.close());
}
