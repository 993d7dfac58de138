import type { Health } from '../../../client/index.ts';
import type { NodeRow } from './api-types.ts';

/** The role of a node as the page shows it. */
type DisplayRole = 'active' | 'standby' | 'fallen' | 'stopped' | 'silent' | 'unreachable';

/** One node: what it says itself, and what its row in the database says. */
export interface NodeState {
  name: string;
  url: string;
  role: DisplayRole;
  term: number | null;
  /** Undefined if the database has no row of it. */
  row: NodeRow | undefined;
  /** When the row was read, on the page's clock. */
  rowAt: number;
  conditions: Health['conditions'];
  /** Since when it has known no active node, on the page's clock; undefined if it knows one, or never did. */
  noActiveSince: number | undefined;
}

/** The results of this page's own requests to a node. */
export interface Probe {
  /** The latest response; undefined if there never was one. */
  health: Health | undefined;
  /** When it was received, on the page's clock. */
  at: number;
  /** How many requests have failed since then; {@link REFUSED} if the connection was refused. */
  misses: number;
}

/** A refused connection is certain: the process is gone. A late response is not. */
export const REFUSED = Number.POSITIVE_INFINITY;

/** One request that is late is not an outage: the node or this browser may be busy. */
const MAX_MISSES = 2;

/** Returns true while the node responds to this page. */
export const responds = ({ health, misses }: Probe) => health !== undefined && misses < MAX_MISSES;

/** A node that wrote its row this recently is running, however late its responses are. It writes every second or two. */
const FRESH_MS = 4000;

/** A row of this age says nothing about the present, unless the page reads more rarely: the database or the page may be cut off. */
const STALE_MS = 6000;

/** After this time a node that no longer runs is not shown. */
const FORMER_MS = 600_000;

/** Merges the rows, read at `rowAt`, and the responses, by the names of the nodes. A response is newer than a row. */
export function nodeStates(
  rows: readonly NodeRow[],
  { rowAt, now }: { rowAt: number; now: number },
  probes: ReadonlyMap<string, Probe>,
): NodeState[] {
  const states = new Map<string, NodeState>();
  for (const row of rows) {
    if (isFormer(row)) continue;
    const probe = probes.get(row.node);
    const health = probe && responds(probe) ? probe.health : undefined;
    states.set(row.node, {
      name: row.node,
      url: health?.url ?? row.url,
      role: health?.role ?? roleWithout(roleOf(row.role), probe, row.heartbeat_age_ms + now - rowAt),
      term: health?.term ?? row.term,
      row,
      rowAt,
      conditions: health?.conditions ?? [],
      noActiveSince: probe && health && noActiveSince(probe),
    });
  }
  for (const [name, probe] of probes) {
    const { health } = probe;
    if (states.has(name) || health === undefined || !responds(probe)) continue;
    const { url, role, term, conditions } = health;
    states.set(name, { name, url, role, term, row: undefined, rowAt, conditions, noActiveSince: noActiveSince(probe) });
  }
  return [...states.values()].sort((one, other) => one.name.localeCompare(other.name));
}

function noActiveSince({ health, at }: Probe): number | undefined {
  const ms = health?.no_active_ms;
  return ms == null ? undefined : at - ms;
}

/** Returns true for the row of a node that stopped or fell silent long ago. */
export function isFormer({ role, heartbeat_age_ms: age }: NodeRow): boolean {
  return age > FORMER_MS && role !== 'active' && role !== 'standby';
}

/** Returns the role of a node that does not respond. Behind a proxy no browser reaches the nodes: only their rows count. */
function roleWithout(recorded: DisplayRole, probe: Probe | undefined, ageMs: number): DisplayRole {
  if (recorded === 'stopped') return recorded;
  if (probe?.health === undefined) return ageMs < STALE_MS ? recorded : 'silent';
  return probe.misses !== REFUSED && ageMs < FRESH_MS ? recorded : 'unreachable';
}

const ROLES: readonly string[] = ['active', 'standby', 'fallen', 'stopped', 'silent'];
const roleOf = (role: string): DisplayRole => (ROLES.includes(role) ? (role as DisplayRole) : 'silent');
