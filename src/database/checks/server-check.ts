import type pg from 'pg';

/** Thrown when the server lacks what a node needs. The message continues "the database … cannot be used: ". */
export class UnsupportedServerError extends Error {
  override readonly name = 'UnsupportedServerError';
}

/** Runs one statement on a session. */
export type RunQuery = <Row extends pg.QueryResultRow>(text: string) => Promise<Row[]>;

interface ServerRow {
  version: number;
  shown: string;
  encoding: string;
  isInRecovery: boolean;
  isReadOnly: boolean;
}

/** The first PostgreSQL with idle_session_timeout, which the lease depends on. */
const OLDEST_SERVER = 140_000;

/**
 * Checks requirements of the server that cannot change while a node runs. Runs first, because otherwise a consequence would be
 * reported instead of the cause (a standby accepts neither LISTEN nor a migration). Returns the server's version, as 150004.
 * @throws {UnsupportedServerError}
 */
export async function requireSupportedServer(run: RunQuery): Promise<number> {
  const [server] = await run<ServerRow & pg.QueryResultRow>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS shown,
            current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS "isInRecovery",
            current_setting('transaction_read_only') = 'on' AS "isReadOnly"`,
  );
  if (!server || server.version < OLDEST_SERVER) {
    throw new UnsupportedServerError(`Plantão needs PostgreSQL 14 or newer, and this is ${server?.shown ?? 'another'}`);
  }
  if (server.encoding !== 'UTF8') {
    throw new UnsupportedServerError(`the database's encoding is ${server.encoding}: create it with ENCODING 'UTF8'`);
  }
  if (server.isInRecovery) {
    throw new UnsupportedServerError(
      'it is on a standby server (in recovery), which accepts no writes: name the primary in DATABASE_URL',
    );
  }
  if (server.isReadOnly)
    throw new UnsupportedServerError('its sessions are read-only: check default_transaction_read_only');
  return server.version;
}
