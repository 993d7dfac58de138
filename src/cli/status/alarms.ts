import { blockingSentence, quotedName } from '../command/blocking-sentence.ts';
import { durationText } from '../command/duration-text.ts';
import { isLiving, lockOfNodes, type NodeStatusRow, type StatusReport } from './read-status.ts';

/** The share of the connections of PostgreSQL that is worth an alarm. */
const NEARLY_ALL = 0.9;
const HOLDERS = 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC';

/** Returns what to do while no node is active. */
function remedyFor(nodes: readonly NodeStatusRow[], isPaused: boolean): string {
  const living = nodes.filter(isLiving);
  if (nodes.some(({ role }) => role === 'unknown')) return "the nodes' /health and logs name the reason";
  if (living.length === 0) return 'start one; if one is running, its log says why it cannot use this database';
  const fallen = living.find(({ role }) => role === 'fallen');
  // The node that was active last may take its role back during the pause.
  const revive = fallen ? `, and plantao revive ${fallen.node} brings that node back into service` : '';
  if (isPaused) return `plantao resume ends the pause${revive}`;
  if (fallen && living.every(({ role }) => role === 'fallen'))
    return `all running nodes are fallen; plantao revive ${fallen.node} brings that one back`;
  if (living.some(({ conditions }) => conditions)) return 'the nodes say why';
  return "a standby's /health and log name the reason";
}

/** Returns a sentence for each thing that needs attention now. */
export function alarmsOf(status: StatusReport): string[] {
  const { leader, pause, nodes, blocking } = status;
  const alarms = pauseAlarms(status);
  const active = nodes.find(({ role }) => role === 'active');
  if (leader.node === null) alarms.push(`no node is active: writes get 503; ${remedyFor(nodes, pause !== null)}`);
  else if (!active && !nodes.some(({ node, role }) => node === leader.node && role === 'unknown'))
    alarms.push(`${leader.node} is active but does not update its row in plantao.nodes: check its process and its log`);
  const standbys = nodes.filter(({ role }) => role === 'standby').length;
  if (active && standbys === 0)
    alarms.push('no standby is ready to take over: start another node, or plantao revive one');
  for (const one of nodes) if (isLiving(one) && one.conditions) alarms.push(`${one.node}: ${one.conditions}`);
  for (const { node, role, heartbeat_age_ms: age } of nodes) {
    const advice = 'check its machine, its process and the end of its log';
    if (role === 'silent') alarms.push(`${node} is silent, no heartbeat for ${durationText(age)}: ${advice}`);
  }
  const unknown = nodes.filter(({ role }) => role === 'unknown').map(({ node }) => node);
  if (unknown.length > 0) {
    const { pid } = lockOfNodes(blocking) ?? {};
    const holder = pid == null ? 'a prepared transaction' : `server process ${pid}`;
    alarms.push(`${unknown.join(', ')}: state unknown, because ${holder} has locked plantao.nodes`);
  }
  return [...alarms, ...blocking.map(blockingSentence), ...serverAlarms(status), ...status.unread];
}

/** Returns a sentence while failover is paused. */
export function pauseAlarms({ pause }: Pick<StatusReport, 'pause'>): string[] {
  if (pause === null) return [];
  const [until, why] = [pause.until.toISOString().slice(0, 19), pause.reason === null ? '' : `: ${pause.reason}`];
  return [`failover is PAUSED until ${until}Z by ${pause.asked_by}${why}. To end the pause: plantao resume`];
}

/** Returns a sentence for each problem of PostgreSQL that needs attention now. */
export function serverAlarms({ postgres }: Pick<StatusReport, 'postgres'>): string[] {
  const alarms: string[] = [];
  const { notify_queue: queue, standbys } = postgres;
  if (queue && !queue.hints_are_sent) {
    const full = `the NOTIFY queue is ${Math.round(100 * queue.usage)} % full, and changes are seen up to a second late`;
    const holder = `${quotedName(queue.application_name)} is most likely holding it up: SELECT pg_terminate_backend(${queue.pid})`;
    alarms.push(queue.pid === null ? `${full}: TABLE plantao.notify_queue` : `${full}; ${holder}`);
  }
  const isReplicating = standbys.some(({ sync_state: state }) => state === 'sync' || state === 'quorum');
  const isVisible = standbys.length > 0 || postgres.senders === 0;
  if (postgres.durable === 'replicated' && isVisible && !isReplicating) {
    alarms.push(
      'commits wait for a synchronous standby, and none is connected: start it, or change synchronous_standby_names',
    );
  }
  const { connections, max_connections: limit } = postgres;
  if (connections >= NEARLY_ALL * limit) {
    alarms.push(`${connections} of the ${limit} connections of PostgreSQL are taken. ${HOLDERS} names the holders`);
  }
  if (postgres.in_recovery) alarms.push('this server is a standby of PostgreSQL: name the primary in DATABASE_URL');
  return alarms;
}
