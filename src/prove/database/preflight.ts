import { statfs } from 'node:fs/promises';
import { KEPT_SESSIONS } from '../../database/session/connection.ts';
import type { Query } from '../../database/session/run-and-close.ts';
import { ProveError } from '../prove-error.ts';

/** DB_POOL_SIZE of the nodes: their writers and readers need no more. */
export const POOL_SIZE = 3;
/** The observer, the session that prepares and removes the database, and those of a failover command. */
const OTHER_SESSIONS = 4;
/** In the database: a message with its event, key, recording and indexes, and WAL on top. In the history: its lines. */
const DATABASE_BYTES_PER_POST = 3000;
const HISTORY_BYTES_PER_POST = 3000;
const EMPTY_DATABASE_BYTES = 20_000_000;

/** The resources that a run uses at most. */
export interface Needs {
  connections: number;
  databaseBytes: number;
  historyBytes: number;
}

/**
 * Returns what a run needs. Sessions count twice: a node that was killed or cut off may start again before PostgreSQL has closed
 * its former sessions.
 */
export function needsOf({ nodes, minutes, rate }: { nodes: number; minutes: number; rate: number }): Needs {
  const posts = rate * minutes * 60;
  return {
    connections: nodes * (POOL_SIZE + KEPT_SESSIONS.length) * 2 + OTHER_SESSIONS,
    databaseBytes: EMPTY_DATABASE_BYTES + posts * DATABASE_BYTES_PER_POST,
    historyBytes: posts * HISTORY_BYTES_PER_POST,
  };
}

export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`;

/** Checks that the folder's disk has room for the history. @throws {ProveError}. */
export async function requireDisk(folder: string, { historyBytes }: Needs): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= historyBytes) return;
  throw new ProveError(
    `the history needs about ${megabytes(historyBytes)}, and ${folder} has ${megabytes(free)} free: name another folder with --out, or shorten the run with --minutes or --rate`,
  );
}

interface Limits {
  max: number;
  reserved: number;
  used: number;
  own: number;
  ofRole: number;
  ofDatabase: number;
  role: string;
}

/**
 * Checks that the server has enough free connections, for this role and, if the run uses it, in the database of the session.
 * @throws {ProveError}.
 */
export async function requireConnections(
  query: Query,
  { connections }: Needs,
  usesThisDatabase: boolean,
): Promise<void> {
  const [limits] = await query<Limits>(
    `SELECT current_setting('max_connections')::int AS max,
            CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
              + coalesce(current_setting('reserved_connections', true), '0')::int END AS reserved,
            (SELECT count(*)::int FROM pg_stat_activity WHERE datid IS NOT NULL) AS used,
            (SELECT count(*)::int FROM pg_stat_activity WHERE usesysid = r.oid) AS own,
            CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END AS "ofRole",
            CASE WHEN rolsuper THEN -1 ELSE datconnlimit END AS "ofDatabase", quote_ident(rolname) AS role
     FROM pg_roles r, pg_database d WHERE rolname = current_user AND datname = current_database()`,
  );
  if (!limits) return;
  const { max, reserved, used, own, ofRole, ofDatabase, role } = limits;
  const short = (free: number, cause: string, remedy: string) => {
    const found = `the run needs up to ${connections} connections, and ${Math.max(0, free)} are free: ${cause}`;
    return new ProveError(`${found}. ${remedy}, or use fewer nodes (at least --nodes 2)`);
  };
  if (max - reserved - used < connections) {
    const cause = `max_connections is ${max}, of which ${reserved} are reserved and ${used} in use`;
    throw short(max - reserved - used, cause, 'Raise max_connections, stop other clients');
  }
  if (ofRole >= 0 && ofRole - own < connections) {
    throw short(ofRole - own, `the role ${role} may have ${ofRole}`, `ALTER ROLE ${role} CONNECTION LIMIT -1`);
  }
  if (usesThisDatabase && ofDatabase >= 0 && ofDatabase < connections) {
    throw short(ofDatabase, `the database allows ${ofDatabase}`, 'ALTER DATABASE … CONNECTION LIMIT -1');
  }
}
