import { type NoActiveRow, READ_NO_ACTIVE_MS } from '../../database/no-active-time.ts';
import { blockingSentence, quotedName } from '../command/blocking-sentence.ts';
import type { Query } from '../command/database.ts';

/** One row of plantao.cluster_status. */
export interface NodeStatus {
  node: string;
  /** That of the view; unknown if the node cannot write its row because a session has locked it. */
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
  /** What keeps it from the work of its role; null if nothing does. */
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
}

/** The leader lock and the term that it holds open. */
interface LeaderStatus {
  term: number | null;
  node: string | null;
  active_for_ms: number | null;
  /** How long no node has been active, counted from the last sign of one; null while one is, and if none ever was. */
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
export interface ClusterStatus {
  cluster: string;
  leader: LeaderStatus;
  /** Null while failover is possible. */
  pause: PauseStatus | null;
  nodes: NodeStatus[];
  postgres: Omit<ServerStatus, 'cluster'> & { standbys: StandbyStatus[]; notify_queue: NotifyQueueStatus };
  blocking: BlockingSession[];
}

/** Reads the views of the schema plantao. */
export async function readStatus(query: Query): Promise<ClusterStatus> {
  const [server] = await query<ServerStatus>(
    `SELECT plantao.cluster_id() AS cluster, current_setting('server_version') AS version,
            host(inet_server_addr()) || ':' || inet_server_port() AS server, pg_is_in_recovery() AS in_recovery,
            plantao.commit_durability() AS durable, (SELECT count(*)::int FROM pg_stat_replication) AS senders,
            clock_timestamp() AS at`,
  );
  if (!server) throw new Error('the database returned no row');
  const nodes = await query<NodeStatus>(
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
  const standbys = await query<StandbyStatus>(
    `SELECT standby, state, sync_state, lag_bytes, lag_ms, messages_at_risk FROM plantao.durability WHERE standby IS NOT NULL`,
  );
  const blocking = await query<BlockingSession>(
    `SELECT blocks, waiting, pid, usename, application_name, state,
            (extract(epoch FROM open_for) * 1000)::bigint AS open_for_ms, ended_by FROM plantao.blocking`,
  );
  const [pause = null] = await query<PauseStatus>('SELECT since, until, reason, asked_by FROM plantao.current_pause');
  const [queue] = await query<NotifyQueueStatus>(
    'SELECT usage, hints_are_sent, pid, application_name FROM plantao.notify_queue',
  );
  if (!queue) throw new Error('the database returned no row');
  const { cluster, ...postgres } = server;
  const vacant = { term: null, node: null, active_for_ms: null, lease_age_ms: null, lease_ms: null };
  return {
    cluster,
    leader: { ...(leader ?? vacant), no_active_ms: leader ? null : await readNoActiveMs(query) },
    pause,
    nodes: nodes.map((row) => ({ ...row, role: roleOf(row, blocking) })),
    postgres: { ...postgres, standbys, notify_queue: queue },
    blocking,
  };
}

async function readNoActiveMs(query: Query): Promise<number | null> {
  const [row] = await query<NoActiveRow>(READ_NO_ACTIVE_MS);
  return row?.ms ?? null;
}

/** A node is silent after this time without a heartbeat (plantao.cluster_status). */
const SILENT_MS = 3000;

/** Returns the session that keeps the nodes from writing their rows. */
const lockOfNodes = (blocking: readonly BlockingSession[]) =>
  blocking.find(({ blocks }) => blocks.split(', ').some((what) => what === 'table nodes' || what === 'rows of nodes'));

function roleOf({ role, heartbeat_age_ms: age }: NodeStatus, blocking: readonly BlockingSession[]): NodeStatus['role'] {
  const lock = lockOfNodes(blocking);
  const isOlderThanLock = lock?.open_for_ms != null && age > lock.open_for_ms + SILENT_MS;
  return role === 'silent' && lock && !isOlderThanLock ? 'unknown' : role;
}

/** Returns true for a node whose row is up to date. */
export const isLiving = ({ role }: NodeStatus) => role !== 'silent' && role !== 'stopped' && role !== 'unknown';

/** Returns what to do while no node is active. */
function remedyFor(nodes: readonly NodeStatus[], isPaused: boolean): string {
  const living = nodes.filter(isLiving);
  if (nodes.some(({ role }) => role === 'unknown')) return "the nodes' /health and logs name the reason";
  if (living.length === 0) return 'start one; if one is running, its log says why it cannot use this database';
  const fallen = living.find(({ role }) => role === 'fallen');
  // The node that was active last may take its role back during the pause.
  const revive = fallen ? `, and plantao revive ${fallen.node} brings that node back into service` : '';
  if (isPaused) return `plantao resume ends the pause${revive}`;
  if (fallen && living.every(({ role }) => role === 'fallen'))
    return `all running nodes are out of service; plantao revive ${fallen.node} brings that one back`;
  if (living.some(({ conditions }) => conditions)) return 'the nodes say why';
  return "a standby's /health and log name the reason";
}

/** Returns a sentence for each thing that needs attention now. */
export function alarmsOf(status: ClusterStatus): string[] {
  const { leader, pause, nodes, blocking } = status;
  const alarms = pauseAlarms(status);
  const active = nodes.find(({ role }) => role === 'active');
  if (leader.node === null) alarms.push(`no node is active: writes get 503; ${remedyFor(nodes, pause !== null)}`);
  else if (!active && !nodes.some(({ node, role }) => node === leader.node && role === 'unknown'))
    alarms.push(`${leader.node} is active but does not update its row in plantao.nodes: check its process and its log`);
  const standbys = nodes.filter(({ role }) => role === 'standby').length;
  if (active && standbys === 0) alarms.push('no standby could take over: start another node, or plantao revive one');
  for (const one of nodes) if (isLiving(one) && one.conditions) alarms.push(`${one.node}: ${one.conditions}`);
  for (const { node, role } of nodes) if (role === 'silent') alarms.push(`${node} is silent: no heartbeat for 3 s`);
  const unknown = nodes.filter(({ role }) => role === 'unknown').map(({ node }) => node);
  if (unknown.length > 0) {
    const { pid } = lockOfNodes(blocking) ?? {};
    const holder = pid == null ? 'a prepared transaction' : `server process ${pid}`;
    alarms.push(`${unknown.join(', ')}: state unknown, because ${holder} has locked plantao.nodes`);
  }
  return [...alarms, ...blocking.map(blockingSentence), ...serverAlarms(status)];
}

/** Returns a sentence while failover is paused. */
export function pauseAlarms({ pause }: Pick<ClusterStatus, 'pause'>): string[] {
  if (pause === null) return [];
  const [until, why] = [pause.until.toISOString().slice(0, 19), pause.reason === null ? '' : `: ${pause.reason}`];
  return [`failover is PAUSED until ${until}Z by ${pause.asked_by}${why}. To end the pause: plantao resume`];
}

/** Returns a sentence for each thing of PostgreSQL that needs attention now. */
export function serverAlarms({ postgres }: Pick<ClusterStatus, 'postgres'>): string[] {
  const alarms: string[] = [];
  const { notify_queue: queue, standbys } = postgres;
  if (!queue.hints_are_sent) {
    const full = `the NOTIFY queue is ${Math.round(100 * queue.usage)} % full, and changes are seen up to a second late`;
    const holder = `${quotedName(queue.application_name)} most likely holds it: SELECT pg_terminate_backend(${queue.pid})`;
    alarms.push(queue.pid === null ? `${full}: TABLE plantao.notify_queue` : `${full}; ${holder}`);
  }
  const isReplicating = standbys.some(({ sync_state: state }) => state === 'sync' || state === 'quorum');
  const isVisible = standbys.length > 0 || postgres.senders === 0;
  if (postgres.durable === 'replicated' && isVisible && !isReplicating) {
    alarms.push(
      'commits wait for a synchronous standby, and none is connected: start it, or change synchronous_standby_names',
    );
  }
  if (postgres.in_recovery) alarms.push('this server is a standby of PostgreSQL: name the primary in DATABASE_URL');
  return alarms;
}
