import type { Query } from '../../database/session/run-and-close.ts';
import type { RunAbout } from '../history/history-record.ts';

/** The settings on which durability, failover and the lease depend. */
const SETTINGS = [
  'synchronous_commit',
  'synchronous_standby_names',
  'fsync',
  'full_page_writes',
  'data_checksums',
  'max_connections',
  'wal_level',
  'max_wal_senders',
  'tcp_keepalives_idle',
  'tcp_user_timeout',
  'client_connection_check_interval',
];

interface Basics {
  version: string;
  encoding: string;
  locale: string;
  durability: string;
  tls: string | null;
  role: string;
  isSuperuser: boolean;
  standbys: number;
}

/** Returns the facts about PostgreSQL for the report. The schema of Plantão must exist. */
export async function readServerFacts(query: Query): Promise<RunAbout['postgres']> {
  const [basics] = await query<Basics>(
    `SELECT version() AS version, pg_encoding_to_char(encoding) AS encoding, datcollate AS locale,
            plantao.commit_durability() AS durability, current_user AS role, rolsuper AS "isSuperuser",
            (SELECT s.version || ', ' || cipher FROM pg_stat_ssl s WHERE pid = pg_backend_pid() AND ssl) AS tls,
            (SELECT count(*)::int FROM pg_stat_replication) AS standbys
     FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user`,
  );
  if (!basics) return [];
  const settings = await query<{ name: string; value: string }>(
    `SELECT name, CASE WHEN setting = '' THEN '(empty)' WHEN unit IS NULL THEN reset_val ELSE reset_val || ' ' || unit END AS value
     FROM pg_settings WHERE name = ANY ($1) ORDER BY array_position($1, name)`,
    [SETTINGS],
  );
  const { version, encoding, locale, durability, tls, role, isSuperuser, standbys } = basics;
  return [
    { name: 'Version', value: version },
    {
      name: 'Commits',
      value: durability === 'replicated' ? 'wait for a synchronous standby' : 'wait for this server only',
    },
    { name: 'Streaming standbys', value: String(standbys) },
    { name: 'Connection', value: tls === null ? 'not encrypted' : `encrypted (${tls})` },
    { name: 'Role of the nodes', value: `${role}${isSuperuser ? ', a superuser' : ''}` },
    { name: 'Encoding and locale', value: `${encoding}, ${locale}` },
    ...settings,
  ];
}

/** The server that responds, as a text that differs after a restart or a failover, and whether it accepts writes. */
export interface ServerIdentity {
  server: string;
  isWritable: boolean;
}

/** Reads the identity of the server that responds. */
export async function readIdentity(query: Query): Promise<ServerIdentity> {
  const [row] = await query<ServerIdentity>(
    `SELECT concat_ws(' ', host(inet_server_addr()), inet_server_port(), pg_postmaster_start_time()) AS server,
            NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS "isWritable"`,
  );
  return row ?? { server: '', isWritable: false };
}
