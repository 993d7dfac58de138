import type { ClusterTimeline } from '../../../client/index.ts';
import type { TermRow } from './api-types.ts';

/** The lengths of time that the chart can show, in minutes. */
export const WINDOWS = [15, 60, 360, 1440] as const;
const MINUTE_MS = 60_000;

/** A part of the chart; `from` and `to` are fractions of its width. */
interface Span {
  from: number;
  to: number;
}

/** One term of a node. */
export interface Bar extends Span {
  term: TermRow;
}

/** A time without an active node. */
export interface Gap extends Span {
  ms: number;
  /** The term that ended before it. */
  before: TermRow | undefined;
  /** The term that ended it; undefined while it lasts. */
  after: TermRow | undefined;
}

/** The content of the chart. */
export interface Chart {
  from: number;
  to: number;
  rows: { node: string; bars: Bar[] }[];
  gaps: Gap[];
}

/** Returns the shortest window that has the last two changes, or the longest window if none has them. */
export function usualWindow({ now, terms }: ClusterTimeline): number {
  const start = Date.parse((terms[2] ?? terms.at(-1))?.started_at ?? now);
  const minutes = (Date.parse(now) - start) / MINUTE_MS;
  return WINDOWS.find((one) => one >= minutes) ?? WINDOWS[WINDOWS.length - 1] ?? 60;
}

/**
 * Returns the chart of the last `minutes`, with a row for each of `nodes` and for each node that was active. `endedAt` is when
 * the last term ended, if the page knows it before the database does: a dead node's term stays open there. `hasActive` is true if
 * a node is active, even if it became so after `terms` was read.
 */
export function chartOf(
  { now, terms }: ClusterTimeline,
  options: { minutes: number; nodes: readonly string[]; endedAt?: number | undefined; hasActive?: boolean },
): Chart {
  const to = Date.parse(now);
  const from = to - options.minutes * MINUTE_MS;
  const at = (time: number) => Math.min(1, Math.max(0, (time - from) / (to - from)));
  const endOf = (term: TermRow) => {
    if (term.ended_at !== null) return Date.parse(term.ended_at);
    // The page may read a new term while it still counts the time without an active node before it.
    const { endedAt = to } = options;
    return endedAt < Date.parse(term.started_at) ? to : endedAt;
  };
  const shown = terms.filter((term) => endOf(term) >= from);
  const names = new Set([...options.nodes, ...shown.map(({ node }) => node)]);
  const rows = [...names].sort().map((node) => ({
    node,
    bars: shown
      .filter((term) => term.node === node)
      .map((term) => ({ term, from: at(Date.parse(term.started_at)), to: at(endOf(term)) })),
  }));
  const gaps = terms
    .map((after, index): Gap => {
      const start = Date.parse(after.started_at);
      const ms = after.gap_ms ?? 0;
      return { ms, before: terms[index + 1], after, from: at(start - ms), to: at(start) };
    })
    .filter(({ ms, after }) => ms > 0 && Date.parse(after?.started_at ?? now) >= from);
  const [newest] = terms;
  const ended = newest === undefined ? to : endOf(newest);
  const open: Gap[] =
    ended < to && !options.hasActive
      ? [{ ms: to - ended, before: newest, after: undefined, from: at(ended), to: 1 }]
      : [];
  return { from, to, rows, gaps: [...open, ...gaps] };
}

/** Returns about four times for the axis, at round minutes or hours of the local time. */
export function ticksOf({ from, to }: Pick<Chart, 'from' | 'to'>): { at: number; time: Date }[] {
  const minutes = (to - from) / MINUTE_MS;
  const step = [5, 15, 60, 120, 360].find((one) => minutes / one <= 4.5) ?? 360;
  // Round in local time, whose offset is a multiple of a quarter of an hour.
  const offset = new Date(to).getTimezoneOffset() * MINUTE_MS;
  const stepMs = step * MINUTE_MS;
  const first = Math.ceil((from - offset) / stepMs) * stepMs + offset;
  const ticks = [];
  for (let time = first; time <= to; time += stepMs)
    ticks.push({ at: (time - from) / (to - from), time: new Date(time) });
  return ticks;
}
