import pg from 'pg';
import { type RunQuery, requireSupportedServer } from '../database/checks/server-check.ts';
import { tableWarnings } from '../database/checks/table-watch.ts';
import { DIRECT } from '../database/database-advice.ts';
import { isUnavailable, sqlState } from '../database/errors.ts';
import { type InstanceRow, READ_INSTANCE } from '../database/servers/instance.ts';
import { applicationName, clientConfig, connectionOptions, Sockets } from '../database/session/connection.ts';
import { errorMessage } from '../error-message.ts';
import type { Settings } from '../settings.ts';
import { readPoolInstance } from './pool-check.ts';

/** Thrown when a node could start but could not work correctly; the message says what to set. */
export class StartCheckError extends Error {
  override readonly name = 'StartCheckError';
}

/** Limit for each statement, in milliseconds, on the server; half a second more here, for a half-open connection. */
const LIMIT_MS = 5000;
const CLOSE_LIMIT_MS = 500;

/**
 * Checks the database before anything starts, and returns warnings. The leader lock and LISTEN need one server session for as
 * long as they are held. A transaction pooler is recognised in three ways: two connections run in one session, a connection
 * changes its session while the other is busy, or a lock is not found again. `skipTables`: the caller watches them.
 * @throws {StartCheckError} if the lock or LISTEN cannot work or a privilege is missing; {UnsupportedServerError}.
 */
export async function checkDatabase(settings: Settings, { skipTables = false } = {}): Promise<string[]> {
  const name = applicationName(settings.nodeName ?? 'starting', 'lock');
  const sockets = new Sockets();
  const connect = async () => {
    const options = connectionOptions(settings.databaseDirectUrl, name, LIMIT_MS);
    const client = new pg.Client({ ...clientConfig(options, sockets), query_timeout: LIMIT_MS + 500 });
    client.on('error', () => {}); // The running query fails too.
    await client.connect();
    return client;
  };
  const opened = await Promise.allSettled([connect(), connect()]);
  const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  try {
    const [client, other] = clients;
    if (!client || !other) throw opened.find((one) => one.status === 'rejected')?.reason;
    const run: RunQuery = async (text) => (await client.query(text)).rows;
    const version = await requireSupportedServer(run);
    await checkSessions(client, other);
    await checkLockAndListen(client);
    await checkPrivileges(run);
    if (settings.databaseUrl !== settings.databaseDirectUrl) await checkPool(settings, run);
    const checks = [
      serverWarnings,
      (one: RunQuery) => collationWarnings(one, version),
      ...(skipTables ? [] : [tableWarnings]),
    ];
    const warnings: string[] = [];
    for (const checkOne of checks) warnings.push(...(await checkOne(run).catch(notChecked)));
    return warnings;
  } finally {
    // end() alone waits forever on a half-open connection.
    const force = setTimeout(() => sockets.destroy(), CLOSE_LIMIT_MS);
    await Promise.allSettled(clients.map((one) => one.end()));
    clearTimeout(force);
  }
}

interface ServerRow extends pg.QueryResultRow {
  fsync: string;
  synchronous_commit: string;
  knowsLetters: boolean;
}

const ASCII_ONLY =
  "the database's locale changes the case of ASCII letters only, so Zoë and ZOË are two users: create the database with LOCALE 'C.UTF-8'";

/** Returns a warning instead of an error, which must not keep a node from starting: a DBA may have revoked a view of the catalog. */
function notChecked(error: unknown): string[] {
  if (isUnavailable(error) || sqlState(error) === null) throw error;
  return [`a part of the database's configuration cannot be checked: ${errorMessage(error)}`];
}

async function serverWarnings(run: RunQuery): Promise<string[]> {
  const [server] = await run<ServerRow>(
    `SELECT current_setting('fsync') AS fsync, lower('Ö') = 'ö' AS "knowsLetters",
            (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit`,
  );
  if (!server) return [];
  const warnings: string[] = [];
  if (server.fsync === 'off') {
    warnings.push('fsync is off in PostgreSQL: a crash of the machine LOSES acknowledged messages. Set fsync = on');
  }
  if (server.synchronous_commit === 'off') {
    warnings.push(
      'synchronous_commit is off in PostgreSQL: nodes set it to on for themselves, but a crash LOSES the last writes of other clients. Set synchronous_commit = on',
    );
  }
  if (!server.knowsLetters) warnings.push(ASCII_ONLY);
  return warnings;
}

/** Since version 15 PostgreSQL records the version of the system's collations with which a database was created. */
const COLLATIONS_SINCE = 150_000;

async function collationWarnings(run: RunQuery, version: number): Promise<string[]> {
  if (version < COLLATIONS_SINCE) return [];
  const [changed] = await run<{ made: string; now: string; name: string } & pg.QueryResultRow>(
    `SELECT datcollversion AS made, pg_database_collation_actual_version(oid) AS now, quote_ident(datname) AS name
     FROM pg_database
     WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)`,
  );
  if (!changed) return [];
  return [
    `the database was created with version ${changed.made} of its collation, and the system has ${changed.now} now: indexes of text may miss rows. REINDEX DATABASE ${changed.name}, then ALTER DATABASE ${changed.name} REFRESH COLLATION VERSION`,
  ];
}

/** Checks a few functions that stand for all; a database without the schema is left to the migrations. */
async function checkPrivileges(run: RunQuery): Promise<void> {
  const [role] = await run<{ name: string; isAllowed: boolean } & pg.QueryResultRow>(
    `SELECT current_user AS name, coalesce(bool_and(
              has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')), true) AS "isAllowed"
     FROM pg_namespace n JOIN pg_proc p ON p.pronamespace = n.oid
     WHERE nspname = 'plantao' AND proname IN ('open_term', 'post_messages', 'assert_term')`,
  );
  if (!role || role.isAllowed) return;
  throw new StartCheckError(
    `the role ${role.name} lacks the privileges of a node: as the schema's owner, GRANT plantao_service TO ${role.name}`,
  );
}

/** Checks that a pooler does not lead to another database of the same name, whose rows the node would show. */
async function checkPool(settings: Settings, run: RunQuery): Promise<void> {
  const [direct] = await run<InstanceRow>(READ_INSTANCE.text);
  if ((await readPoolInstance(settings)) === direct?.instance) return;
  throw new StartCheckError(
    'DATABASE_URL and DATABASE_DIRECT_URL lead to different databases: both must lead to the same one, on the same server',
  );
}

/**
 * Checks that each of two connections keeps a session of its own; runs before anything is locked. A pooler without other
 * clients gives the second connection the session of the first, which is idle, or moves the first to another session while the
 * second uses its own in a transaction.
 */
async function checkSessions(client: pg.Client, other: pg.Client): Promise<void> {
  const pidOf = async (one: pg.Client) => {
    const { rows } = await one.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return rows[0]?.pid;
  };
  const first = await pidOf(client);
  await other.query('BEGIN');
  const second = await pidOf(other);
  const firstAgain = await pidOf(client);
  await other.query('ROLLBACK');
  if (first !== second && first === firstAgain) return;
  throw new StartCheckError(`the leader lock and LISTEN need a connection that keeps a session to itself. ${DIRECT}`);
}

/** NOTIFY fails while its queue is full, and without the privilege, which must not keep a node from starting (plantao.hint). */
const CAN_NOTIFY = `SELECT usage < 0.5 AND has_function_privilege('pg_notify(text, text)', 'EXECUTE') AS can_notify
  FROM pg_notification_queue_usage() AS usage`;

async function checkLockAndListen(client: pg.Client): Promise<void> {
  const key = [Math.floor(Math.random() * 2 ** 31), Math.floor(Math.random() * 2 ** 31)];
  const channel = `plantao_check_${key[0]}`;
  let isReceived = false;
  client.on('notification', (notification) => {
    isReceived ||= notification.channel === channel;
  });
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', key);
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    const { rows: rights } = await client.query<{ can_notify: boolean }>(CAN_NOTIFY);
    const isSent = rights[0]?.can_notify === true;
    if (isSent) await client.query("SELECT pg_notify($1, '')", [channel]);
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_advisory_unlock($1, $2) AS held', key);
    if (rows[0]?.held && (isReceived || !isSent)) return;
  } catch (error) {
    throw new StartCheckError(
      `the leader lock and LISTEN do not work over this connection (${String(error)}). ${DIRECT}`,
    );
  }
  throw new StartCheckError(`the leader lock and LISTEN do not work over this connection. ${DIRECT}`);
}
