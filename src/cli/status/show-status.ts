import { printable } from '../../log/printable.ts';
import { durationText } from '../command/duration-text.ts';
import type { Io } from '../command/io.ts';
import { type Cell, type Tone, table, toned } from '../command/table.ts';
import { alarmsOf } from './alarms.ts';
import { isLiving, type NodeStatusRow, type StatusReport } from './read-status.ts';

const ROLE_TONES: Record<NodeStatusRow['role'], Tone | null> = {
  active: 'green',
  standby: null,
  fallen: 'yellow',
  stopped: 'dim',
  silent: 'red',
  unknown: 'yellow',
};

/** Returns the text of `plantao status`. */
export function showStatus(status: StatusReport, { hasColours, columns }: Pick<Io, 'hasColours' | 'columns'>): string {
  const alarms = alarmsOf(status).map((sentence) => toned(`! ${printable(sentence)}`, 'red', hasColours));
  const parts = [
    heading(status),
    alarms.join('\n'),
    nodeTable(status, hasColours, columns),
    standbyTable(status, hasColours),
  ];
  return [...parts, blockingTable(status, hasColours)].filter((part) => part !== '').join('\n\n');
}

function heading({ cluster, leader, postgres }: StatusReport): string {
  const { term, node, active_for_ms: activeMs, lease_age_ms: ageMs, lease_ms: leaseMs, no_active_ms: noneMs } = leader;
  const vacancy = noneMs === null ? 'no active node' : `no active node for ${durationText(noneMs)}`;
  const active = node === null ? vacancy : `${node} active for ${durationText(activeMs ?? 0)}, term ${term}`;
  const lease =
    ageMs === null || leaseMs === null
      ? ''
      : `, last heartbeat ${durationText(ageMs)} ago of a lease of ${durationText(leaseMs)}`;
  const where = postgres.server === null ? '' : ` at ${postgres.server}`;
  const commits = `commits are ${postgres.durable === 'replicated' ? 'replicated' : 'local'}`;
  return printable(`cluster ${cluster}: ${active}${lease}`).concat(
    `\nPostgreSQL ${printable(postgres.version)}${where}, ${postgres.in_recovery ? 'a standby' : 'primary'}, ${commits}`,
  );
}

/** The columns that are left out one by one, in this order, until the table fits the terminal; --json has all. */
const LEFT_OUT = ['url', 'version', 'preferred', 'queue', 'behind', 'posts/s', 'waiters'];

function nodeTable({ nodes }: StatusReport, hasColours: boolean, columns: number): string {
  if (nodes.length === 0) return 'no node has ever run on this database';
  const headings = [
    'node',
    'role',
    'term',
    'heartbeat',
    'posts/s',
    'queue',
    'behind',
    'waiters',
    'version',
    'preferred',
    'url',
  ];
  const rows = nodes.map((row): Cell[] => [
    row.node,
    { text: row.role, tone: ROLE_TONES[row.role] },
    row.term,
    `${durationText(row.heartbeat_age_ms)} ago`,
    // The last figures of a node that is gone are not those of now.
    isLiving(row) ? row.posts_per_second : null,
    isLiving(row) ? row.queued_posts : null,
    row.behind,
    row.waiters,
    row.version,
    row.is_primary ? 'yes' : null,
    row.url,
  ]);
  for (let count = 0; ; count += 1) {
    const kept = [...headings.keys()].filter((at) => !LEFT_OUT.slice(0, count).includes(headings[at] ?? ''));
    const pick = <T>(cells: readonly T[]) => cells.filter((_, at) => kept.includes(at));
    const draw = (isColoured: boolean) => table(pick(headings), rows.map(pick), isColoured);
    const fits = draw(false)
      .split('\n')
      .every((line) => [...line].length <= columns);
    if (fits || count === LEFT_OUT.length) return draw(hasColours);
  }
}

function standbyTable({ postgres: { standbys } }: StatusReport, hasColours: boolean): string {
  if (standbys.length === 0) return '';
  const headings = ["PostgreSQL's standby", 'state', 'sync', 'lag bytes', 'lag', 'messages at risk'];
  const rows = standbys.map((row): Cell[] => [
    row.standby,
    row.state,
    row.sync_state,
    row.lag_bytes,
    row.lag_ms === null ? null : durationText(row.lag_ms),
    row.messages_at_risk,
  ]);
  return table(headings, rows, hasColours);
}

function blockingTable({ blocking }: StatusReport, hasColours: boolean): string {
  if (blocking.length === 0) return '';
  const headings = ['blocks', 'session', 'role', 'state', 'open for', 'waiting', 'ended by'];
  const rows = blocking.map((row): Cell[] => [
    { text: row.blocks, tone: 'red' },
    row.application_name,
    row.usename,
    row.state,
    row.open_for_ms === null ? null : durationText(row.open_for_ms),
    row.waiting,
    { text: row.ended_by, tone: null, isWhole: true },
  ]);
  return table(headings, rows, hasColours);
}
