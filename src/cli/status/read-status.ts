import { DISK_WAIT } from '../../database/checks/blocking.ts';
import { sqlState } from '../../database/errors.ts';
import { type NoActiveRow, READ_NO_ACTIVE_MS } from '../../database/sql/no-active-time.ts';
import { errorMessage } from '../../error-message.ts';
import type { Query } from '../command/database.ts';

/** One row of plantao.cluster_status. */
export interface NodeStatusRow {
  node: string;
  /** The role in the view; `unknown` if the node cannot write its row because a session has locked it. */
  role: 'active' | 'standby' | 'fallen' | 'stopped' | 'silent' | 'unknown';
  term: number | null;
  heartbeat_age_ms: number;
  url: string;
  version: string;
  is_primary: boolean;
  behind: number;
  waiters: number;
  posts_per_second: number;
  queued_posts: number;
  /** The reason why it cannot do the work of its role; null if it can. */
  conditions: string | null;
}

/** One row of plantao.durability. */
interface StandbyStatus {
  standby: string;
  state: string;
  sync_state: string;
  lag_bytes: number | null;
  lag_ms: number | null;
  messages_at_risk: number | null;
}

/** One row of plantao.blocking. */
interface BlockingSession {
  blocks: string;
  waiting: number;
  pid: number | null;
  usename: string | null;
  application_name: string | null;
  state: string | null;
  open_for_ms: number | null;
  ended_by: string;
  /** The wait event of a session that waits for PostgreSQL's disk, otherwise null. */
  disk_wait: string | null;
}

/** The leader lock and the term that it holds open. */
interface LeaderStatus {
  term: number | null;
  node: string | null;
  active_for_ms: number | null;
  /** How long no node has been active, as far as the database knows; null while a node is active, or if none ever was. */
  no_active_ms: number | null;
  lease_age_ms: number | null;
  lease_ms: number | null;
}

/** The row of plantao.notify_queue. */
interface NotifyQueueStatus {
  usage: number;
  hints_are_sent: boolean;
  pid: number | null;
  application_name: string | null;
}

/** PostgreSQL as the session sees it. */
interface ServerStatus {
  cluster: string;
  version: string;
  server: string | null;
  in_recovery: boolean;
  durable: string;
  /** Connections that replicate from it; a role without pg_read_all_stats sees their number only. */
  senders: number;
  /** Open client connections; `max_connections` is how many roles without privileges may have. */
  connections: number;
  max_connections: number;
  at: Date;
}

/** The row of plantao.current_pause. */
interface PauseStatus {
  since: Date;
  until: Date;
  reason: string | null;
  asked_by: string;
}

/** The state that `plantao status` shows. */
export interface StatusReport {
  cluster: string;
  leader: LeaderStatus;
  /** Null while failover is possible. */
  pause: PauseStatus | null;
  nodes: NodeStatusRow[];
  /** `notify_queue` is null if PostgreSQL cannot read it. */
  postgres: Omit<ServerStatus, 'cluster'> & { standbys: StandbyStatus[]; notify_queue: NotifyQueueStatus | null };
  blocking: BlockingSession[];
  /** A sentence for each part that PostgreSQL cannot read. */
  unread: string[];
}

/** Reads the views of the schema plantao. */
export async function readStatus(query: Query): Promise<StatusReport> {
  const [server] = await query<ServerStatus>(
    `SELECT plantao.cluster_id() AS cluster, current_setting('server_version') AS version,
            host(inet_server_addr()) || ':' || inet_server_port() AS server, pg_is_in_recovery() AS in_recovery,
            plantao.commit_durability() AS durable, (SELECT count(*)::int FROM pg_stat_replication) AS senders,
            (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
            current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
              - coalesce(current_setting('reserved_connections', true)::int, 0) AS max_connections,
            clock_timestamp() AS at`,
  );
  if (!server) throw new Error('the database returned no row');
  // First: reading the nodes may wait for a session that has locked them, until it ends.
  const blocking = await query<BlockingSession>(
    `SELECT blocks, waiting, pid, usename, application_name, state,
            (extract(epoch FROM open_for) * 1000)::bigint AS open_for_ms, ended_by, ${DISK_WAIT} AS disk_wait
     FROM plantao.blocking b`,
  );
  const nodes = await query<NodeStatusRow>(
    `SELECT node, role, term, heartbeat_age_ms, url, version, is_primary, behind, waiters, posts_per_second, queued_posts, conditions
     FROM plantao.cluster_status
     WHERE role <> 'stopped' OR heartbeat_age_ms < 86400000 ORDER BY node`,
  );
  // A term stays open when its node dies, until the next one opens; the lock session is gone at once.
  const [leader] = await query<Omit<LeaderStatus, 'no_active_ms'>>(
    `SELECT t.term, t.node, plantao.ms_between(t.started_at, clock_timestamp()) AS active_for_ms,
            (extract(epoch FROM l.idle_for) * 1000)::bigint AS lease_age_ms, (extract(epoch FROM l.lease) * 1000)::bigint AS lease_ms
     FROM plantao.lock_holder l JOIN plantao.leader_history t ON t.ended_at IS NULL WHERE l.lease IS NOT NULL`,
  );
  const { unread, read } = readParts(query);
  const standbys = await read<StandbyStatus>(
    'the standbys of PostgreSQL',
    `SELECT standby, state, sync_state, lag_bytes, lag_ms, messages_at_risk FROM plantao.durability WHERE standby IS NOT NULL`,
  );
  const [pause = null] = await query<PauseStatus>('SELECT since, until, reason, asked_by FROM plantao.current_pause');
  const [queue = null] = await read<NotifyQueueStatus>(
    'the NOTIFY queue',
    'SELECT usage, hints_are_sent, pid, application_name FROM plantao.notify_queue',
  );
  const { cluster, ...postgres } = server;
  const vacant = { term: null, node: null, active_for_ms: null, lease_age_ms: null, lease_ms: null };
  return {
    cluster,
    leader: { ...(leader ?? vacant), no_active_ms: leader ? null : await readNoActiveMs(query) },
    pause,
    nodes: nodes.map((row) => ({ ...row, role: roleOf(row, blocking) })),
    postgres: { ...postgres, standbys, notify_queue: queue },
    blocking,
    unread,
  };
}

/** Returns a query for parts that PostgreSQL may be unable to read on a full or damaged disk: such a part is empty and noted. */
function readParts(query: Query) {
  const unread: string[] = [];
  const read = <T extends object>(part: string, text: string): Promise<T[]> =>
    query<T>(text).catch((error) => {
      if (!/^(53|58|XX)/.test(sqlState(error) ?? '')) throw error;
      unread.push(`${part} cannot be read (${errorMessage(error)}): PostgreSQL's log and its disk show why`);
      return [];
    });
  return { unread, read };
}

async function readNoActiveMs(query: Query): Promise<number | null> {
  const [row] = await query<NoActiveRow>(READ_NO_ACTIVE_MS);
  return row?.ms ?? null;
}

/** A node is silent after this time without a heartbeat (plantao.cluster_status). */
const SILENT_MS = 3000;

/** Returns the session that keeps the nodes from writing their rows. */
export const lockOfNodes = (blocking: readonly BlockingSession[]) =>
  blocking.find(({ blocks }) => blocks.split(', ').some((what) => what === 'table nodes' || what === 'rows of nodes'));

function roleOf(
  { role, heartbeat_age_ms: age }: NodeStatusRow,
  blocking: readonly BlockingSession[],
): NodeStatusRow['role'] {
  const lock = lockOfNodes(blocking);
  const isOlderThanLock = lock?.open_for_ms != null && age > lock.open_for_ms + SILENT_MS;
  return role === 'silent' && lock && !isOlderThanLock ? 'unknown' : role;
}

/** Returns true for a node whose row is up to date. */
export const isLiving = ({ role }: NodeStatusRow) => role !== 'silent' && role !== 'stopped' && role !== 'unknown';
