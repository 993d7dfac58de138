import pg from 'pg';
import { applicationName, connectionOptions, Sockets } from './database/connection.ts';
import type { Settings } from './settings.ts';

/** Raised where a node could start but could not keep its promises; the message says what to set. */
export class StartCheckError extends Error {
  override readonly name = 'StartCheckError';
}

/** For each question, in milliseconds; on the server, and here for a connection that leads nowhere. */
const LIMIT_MS = 5000;
const CLOSE_LIMIT_MS = 500;
/** The first PostgreSQL with idle_session_timeout, on which the lease stands. */
const OLDEST_SERVER = 140_000;

/**
 * Looks at what the promises rest on before anything starts, and answers warnings. The leader lock and LISTEN need one
 * server session for as long as they are held: behind a transaction pooler two transactions of one client run in
 * different sessions, which shows in pg_backend_pid() and in an advisory lock that cannot be found again.
 * @throws {StartCheckError} where lock or LISTEN cannot work, or the server is too old.
 */
export async function checkDatabase(settings: Settings): Promise<string[]> {
  const name = applicationName(settings.nodeName ?? 'starting', 'lock');
  const sockets = new Sockets();
  const client = new pg.Client({
    ...connectionOptions(settings.databaseDirectUrl, name, LIMIT_MS),
    query_timeout: LIMIT_MS,
    stream: sockets.open as never,
  });
  client.on('error', () => {}); // The query under way fails too.
  await client.connect();
  try {
    await checkSession(client);
    const { rows } = await client.query<{
      version: number;
      fsync: string;
      synchronous_commit: string;
      encoding: string;
    }>(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS synchronous_commit, current_setting('server_encoding') AS encoding`,
    );
    const server = rows[0];
    if (!server || server.version < OLDEST_SERVER) throw new StartCheckError('Plantão needs PostgreSQL 14 or newer');
    if (server.encoding !== 'UTF8') {
      throw new StartCheckError(`the database's encoding is ${server.encoding}: Plantão needs UTF8`);
    }
    return warningsAbout(server);
  } finally {
    // end() alone waits for ever where the connection leads nowhere.
    const force = setTimeout(() => sockets.destroy(), CLOSE_LIMIT_MS);
    await client.end().catch(() => {});
    clearTimeout(force);
  }
}

function warningsAbout(server: { fsync: string; synchronous_commit: string }): string[] {
  const warnings: string[] = [];
  if (server.fsync === 'off') {
    warnings.push('fsync is off in PostgreSQL: a crash of the machine LOSES acknowledged messages. Set fsync = on');
  }
  if (server.synchronous_commit === 'off') {
    warnings.push(
      'synchronous_commit is off in PostgreSQL: a crash LOSES the last acknowledged messages. Set synchronous_commit = on',
    );
  }
  return warnings;
}

async function checkSession(client: pg.Client): Promise<void> {
  const key = [Math.floor(Math.random() * 2 ** 31), Math.floor(Math.random() * 2 ** 31)];
  const channel = `plantao_check_${key[0]}`;
  let heard = false;
  client.on('notification', (notification) => {
    heard ||= notification.channel === channel;
  });
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', key);
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    await client.query('SELECT pg_notify($1, $2)', [channel, '']);
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_advisory_unlock($1, $2) AS held', key);
    if (rows[0]?.held && heard) return;
  } catch (error) {
    throw new StartCheckError(
      `the leader lock and LISTEN do not work over this connection (${String(error)}). ${DIRECT}`,
    );
  }
  throw new StartCheckError(`the leader lock and LISTEN do not work over this connection. ${DIRECT}`);
}

const DIRECT =
  'It goes through a transaction pooler: set DATABASE_DIRECT_URL to PostgreSQL itself (DATABASE_URL may stay as it is)';
