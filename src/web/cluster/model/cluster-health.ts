import type { ClusterStatus } from '../../../client/index.ts';
import { DATABASE_UNREACHABLE } from '../../../database-unreachable.ts';
import type { NodeState } from './node-state.ts';

/** The state from which the health of the cluster is assessed. All times are on the page's clock, in milliseconds. */
export interface ClusterSnapshot {
  now: number;
  nodes: readonly NodeState[];
  /** The last response of `/cluster`, and when it was received. */
  cluster: ClusterStatus | undefined;
  clusterAt: number;
  /** The error code of the last read of `/cluster`; undefined if it succeeded. */
  failure: string | undefined;
  /** True if a database session is known to block the nodes. */
  isBlocked: boolean;
  /** True if any node has responded to the last requests. */
  responds: boolean;
  /** How long ago the newest term ended, by the database's clock; undefined if it is open or unknown. */
  endedAgoMs: number | undefined;
  /** When the page first saw no active node; undefined while there is one. */
  missingSince: number | undefined;
  /** When the page last saw that no standby could take over; undefined if it never did. */
  hinderedAt?: number | undefined;
}

/** Why no node is active. */
type MissingCause =
  | 'all_fallen'
  | 'none_running'
  | 'database'
  | 'paused'
  | 'paused_restarted'
  | 'blocked'
  | 'hindered'
  | 'failover'
  | 'stuck';

/** The state of the cluster, from which headline.tsx builds a sentence. */
export type ClusterHealth =
  | { kind: 'loading' }
  | { kind: 'unreachable'; forMs: number | undefined }
  | { kind: 'two_actives'; active: string; second: { node: string; url: string } }
  | {
      kind: 'active';
      node: string;
      term: number | null;
      forMs: number | undefined;
      problem: string | undefined;
      /** True if no standby is ready to take over. */
      isAlone: boolean;
    }
  | {
      kind: 'missing';
      cause: MissingCause;
      forMs: number | undefined;
      /** The last active node and why its term ended, if known. */
      last: { node: string; cause: string } | undefined;
      /** The obstacle to its promotion that a standby reports. */
      problem: string | undefined;
    };

/** A failover is over by then, unless something prevents it. */
const USUAL_FAILOVER_MS = 10_000;

/** The conditions of the standbys that an operator should see first: a session that blocks comes with its remedy. */
const MOST_TELLING = ['blocked', 'promotion'];

/** Returns true if no node is active and none can become active: a failover has not begun. */
export function isHindered(health: ClusterHealth): boolean {
  return health.kind === 'missing' && !['failover', 'hindered', 'stuck'].includes(health.cause);
}

/** Returns the state of the cluster. */
export function assess(snapshot: ClusterSnapshot): ClusterHealth {
  const { cluster, nodes, failure, responds, now, missingSince } = snapshot;
  if (cluster === undefined && failure === undefined) return { kind: 'loading' };
  if (!responds) return { kind: 'unreachable', forMs: missingSince === undefined ? undefined : now - missingSince };
  const active = activeOf(nodes);
  const second = cluster?.rival;
  if (active !== undefined && second) return { kind: 'two_actives', active: active.name, second };
  return active === undefined ? missing(snapshot) : assessActive(active, snapshot);
}

/** Returns the active node. During a handover two may say that they are: the one with the higher term is. */
export function activeOf(nodes: readonly NodeState[]): NodeState | undefined {
  return nodes.filter(({ role }) => role === 'active').sort((one, other) => (other.term ?? 0) - (one.term ?? 0))[0];
}

function assessActive(
  { name, term, conditions }: NodeState,
  { now, nodes, cluster, clusterAt }: ClusterSnapshot,
): ClusterHealth {
  const current = cluster?.history.find((one) => one.node === name && one.ended_at === null);
  const forMs = current && current.term === term ? current.on_duty_ms + now - clusterAt : undefined;
  const problem = conditions.find((one) => one.name === 'posts' || one.name === 'event_log')?.reason;
  const isAlone = nodes.every(({ role }) => role !== 'standby');
  return { kind: 'active', node: name, term, forMs, problem, isAlone };
}

function missing(snapshot: ClusterSnapshot): ClusterHealth {
  const { nodes, cluster, failure } = snapshot;
  const newest = cluster?.history[0];
  const forMs = missingForMs(snapshot);
  const standbys = nodes.filter(({ role }) => role === 'standby');
  const conditions = standbys.flatMap((standby) => standby.conditions);
  const isBlocked = snapshot.isBlocked || conditions.some(({ name }) => name === 'blocked');
  const saysUnreachable = (reason: string) => reason.endsWith(DATABASE_UNREACHABLE);
  // A node that responds to its probe but not to this read waits for the database. It often reports that before the read fails.
  const isDatabaseAway =
    failure === 'unavailable' ||
    failure === 'unreachable' ||
    (!isBlocked && conditions.some(({ reason }) => saysUnreachable(reason)));
  const telling = MOST_TELLING.flatMap((name) => conditions.filter((one) => one.name === name));
  // A node that waits for the database cannot know yet why it is not promoted.
  const unread = isDatabaseAway ? conditions.find(({ name }) => name === 'event_log') : undefined;
  const reason = (unread ?? telling[0] ?? conditions[0])?.reason;
  // The remedy says the same in the language of the page.
  const problem = isDatabaseAway && reason !== undefined && saysUnreachable(reason) ? undefined : reason;
  const last = newest && { node: newest.node, cause: newest.end_cause ?? stateOf(newest.node, nodes) };
  // The standbys report a pause before the next read of the cluster does.
  const isPaused = (cluster?.pause ?? null) !== null || conditions.some(({ name }) => name === 'paused');
  const cause = causeOf({
    nodes,
    hasStandby: standbys.length > 0,
    isDatabaseAway,
    isPaused,
    isRestarted: nodes.some(({ name, role }) => name === newest?.node && (role === 'standby' || role === 'stopped')),
    isBlocked,
    hasProblem: telling.length > 0,
    ableForMs: Math.min(forMs ?? 0, snapshot.now - (snapshot.hinderedAt ?? Number.NEGATIVE_INFINITY)),
  });
  return { kind: 'missing', cause, forMs, last, problem };
}

/**
 * Returns how long no node has been active: since the recorded end of the last term; or, as the term of a dead node stays open, since
 * the other nodes last saw it active, which the next term will record; or else since this page noticed, which is later.
 */
function missingForMs(snapshot: ClusterSnapshot): number | undefined {
  const { now, nodes, cluster, clusterAt, endedAgoMs, missingSince } = snapshot;
  if (endedAgoMs !== undefined) return endedAgoMs;
  const known = nodes.flatMap(({ noActiveSince }) => (noActiveSince === undefined ? [] : [now - noActiveSince]));
  if (cluster?.no_active_ms != null) known.push(cluster.no_active_ms + now - clusterAt);
  if (known.length > 0) return Math.min(...known);
  return missingSince === undefined ? undefined : now - missingSince;
}

function stateOf(name: string, nodes: readonly NodeState[]): string {
  const role = nodes.find((one) => one.name === name)?.role ?? 'silent';
  return role === 'standby' ? 'lost_role' : role;
}

function causeOf(options: {
  nodes: readonly NodeState[];
  hasStandby: boolean;
  isDatabaseAway: boolean;
  isPaused: boolean;
  isRestarted: boolean;
  isBlocked: boolean;
  hasProblem: boolean;
  /** For how long the standbys could have taken over. */
  ableForMs: number;
}): MissingCause {
  const { nodes, hasStandby, isDatabaseAway, isPaused, isRestarted, isBlocked, hasProblem, ableForMs } = options;
  if (isDatabaseAway) return 'database';
  // Only the process that was active last may take its role back, not one that its supervisor has started since.
  if (isPaused) return isRestarted ? 'paused_restarted' : 'paused';
  if (hasStandby && isBlocked) return 'blocked';
  if (hasStandby && ableForMs >= USUAL_FAILOVER_MS) return 'stuck';
  if (hasStandby) return hasProblem ? 'hindered' : 'failover';
  return nodes.some(({ role }) => role === 'fallen') ? 'all_fallen' : 'none_running';
}
