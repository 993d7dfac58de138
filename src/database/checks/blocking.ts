import type { Queryable } from '../session/reconnecting-session.ts';

/** A session or transaction that blocks others: a row of plantao.blocking. */
export interface Blocker {
  /** The name of the work that it blocks, e.g. `event log`. */
  blocks: string;
  /** Null for a prepared transaction. */
  pid: number | null;
  role: string | null;
  /** Null for a local socket, or if our role may not see it. */
  client: string | null;
  application: string | null;
  state: string | null;
  /** When its transaction began, in ISO 8601; null if our role may not see it. */
  since: string | null;
  endedBy: string;
  /** Its own wait event if it waits for PostgreSQL's disk: ending it would not help then. */
  diskWait: string | null;
}

/**
 * In SQL, the wait event of the session in row `b` of plantao.blocking, if it is a node's session that waits for PostgreSQL's disk; null
 * otherwise. Sessions of other programs, such as VACUUM FULL, also wait for a healthy disk, and can be ended. A commit that waits until
 * another one has written shows as an LWLock. A role sees wait events of its own sessions, a member of pg_monitor those of all.
 */
export const DISK_WAIT = `(SELECT a.wait_event FROM pg_catalog.pg_stat_activity a
  WHERE a.pid = b.pid AND b.application_name LIKE 'plantao:%'
    AND (a.wait_event_type = 'IO' OR a.wait_event_type = 'LWLock' AND a.wait_event = 'WALWrite'))`;

/** Returns the end of a sentence about a session that blocks others: why it blocks them, or the statement that ends it. */
export const blockingRemedy = (endedBy: string, diskWait: string | null | undefined) =>
  diskWait ? `it waits for PostgreSQL's disk (${diskWait}), which is slow or hangs` : endedBy;

/** Thrown for a request that timed out waiting for a lock that another transaction holds. Nothing was stored. */
export class BlockedError extends Error {
  override readonly name = 'BlockedError';
  /** The message for a request that stores nothing anyway. */
  readonly messageOfRead: string;

  /** The message is for clients, so it names no session. */
  constructor(blockers: readonly Blocker[], options?: ErrorOptions) {
    const holdsLog = blockers.some(({ blocks }) => blocks.split(', ').includes('event log'));
    const held = holdsLog ? 'the event log' : 'a lock that this request needs';
    super(`another transaction holds ${held}: nothing was stored, try again`, options);
    this.messageOfRead = `another transaction holds ${held}: try again`;
  }
}

/** Logs the sessions that block a statement whose wait for a lock timed out, and returns a {@link BlockedError}. Returns other errors unchanged. */
export type ToBlockedError = (error: unknown) => Promise<unknown>;

/** Long enough for a busy machine, short enough for the request that waits for the explanation. */
const LIMIT_MS = 1000;

/**
 * Reads the sessions that block nodes now. Leaves out short transactions without a waiting session. @throws the database's error.
 */
export function readBlockers(session: Queryable): Promise<Blocker[]> {
  return session.query<Blocker & Record<string, unknown>>(
    {
      name: 'blocking',
      text: `SELECT blocks, pid, usename AS role, host(client_addr) AS client, application_name AS application, state,
                    to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS since, ended_by AS "endedBy",
                    ${DISK_WAIT} AS "diskWait"
             FROM plantao.blocking b
             WHERE waiting > 0 OR state IS DISTINCT FROM 'active' OR open_for > interval '1 second'`,
    },
    LIMIT_MS,
  );
}

/** Returns a session as the log names it, e.g. `psql (server process 12, role ana, from 10.0.0.7)`. */
export function sessionName(session: Pick<Blocker, 'application' | 'pid' | 'role' | 'client'>): string {
  const { application, pid, role, client } = session;
  const details = [pid === null ? 'prepared transaction' : `server process ${pid}`];
  if (role) details.push(`role ${role}`);
  if (client) details.push(`from ${client}`);
  return `${application || 'a session without a name'} (${details.join(', ')})`;
}
