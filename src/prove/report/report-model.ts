import type { CheckResult, FaultGap, ViolationKind } from '../checker/check-result.ts';

/** One guarantee with what was examined for it and the number of violations. */
export interface GuaranteeRow {
  guarantee: string;
  examined: string;
  violations: number;
}

/** The gaps of one kind of fault. Times are ms; Infinity: no post was accepted after it. */
export interface GapRow {
  fault: string;
  /** The role of the node that it hit, or PostgreSQL. */
  target: string;
  times: number;
  median: number;
  worst: number;
  /** The longest time from the end of a fault to the next accepted post. */
  recovery: number;
}

/** The beginning of a report. */
export interface Verdict {
  level: 'kept' | 'broken' | 'incomplete';
  headline: string;
  /** Sentences that a reader needs before the tables. */
  sentences: string[];
}

/** The guarantees with the kinds of violations that break them. */
const GUARANTEES: readonly [string, readonly ViolationKind[], (result: CheckResult) => string][] = [
  [
    'No acknowledged message is lost',
    ['lost', 'false_loss_report', 'broken_acknowledgement'],
    ({ counts }) =>
      `${formatNumber(counts.messages)} acknowledged messages at ${counts.readers} readers and in the table`,
  ],
  [
    'No message appears twice',
    ['duplicated', 'duplicated_unknown'],
    ({ counts }) => `${formatNumber(counts.deliveries)} deliveries; keys repeated on all nodes`,
  ],
  [
    'All readers see one order',
    ['reordered'],
    ({ counts }) => `${counts.readers} readers and the order of the acknowledgements`,
  ],
  [
    'No refused message is stored, and none in another group',
    ['stored_after_refusal', 'phantom', 'wrong_group'],
    ({ counts }) => `${formatNumber(counts.refused)} refused posts`,
  ],
  [
    'An acknowledgement names the message that is stored',
    ['wrong_acknowledgement', 'two_acknowledgements'],
    ({ counts }) => `${formatNumber(counts.acknowledged)} acknowledgements`,
  ],
  [
    'One node is active, and only it writes',
    ['two_active', 'two_writers', 'closed_term_write', 'term_decreased'],
    ({ counts }) => `${counts.terms} terms; the state of all nodes read 20 times a second`,
  ],
  [
    'A cursor stays valid on every node',
    ['cursor_refused', 'reader_stuck'],
    ({ counts }) => `${counts.readers} readers, read to the end`,
  ],
  [
    'Posts are accepted again within 10 s of the end of a fault',
    ['not_healed', 'node_exited'],
    ({ counts }) => `${counts.faults} faults`,
  ],
];

/** Returns one row for each guarantee. */
export function guaranteeRows(result: CheckResult): GuaranteeRow[] {
  return GUARANTEES.map(([guarantee, kinds, examined]) => ({
    guarantee,
    examined: examined(result),
    violations: kinds.reduce((sum, kind) => sum + (result.totals[kind] ?? 0), 0),
  }));
}

/** Returns one row for each kind of fault and its target, in the order of {@link TARGETS}. */
export function gapRows(gaps: readonly FaultGap[]): GapRow[] {
  const groups = new Map<string, { fault: string; target: string; some: FaultGap[] }>();
  for (const gap of gaps) {
    const fault = gap.alone ? gap.kind : 'two faults at once';
    const target = targetOf(gap);
    const key = `${TARGETS.indexOf(target)} ${fault}`;
    const group = groups.get(key) ?? { fault, target, some: [] };
    group.some.push(gap);
    groups.set(key, group);
  }
  const inOrder = [...groups].sort(([a], [b]) => a.localeCompare(b, 'en'));
  return inOrder.map(([, { fault, target, some }]) => ({ fault, target, ...statistics(some) }));
}

const TARGETS = ['PostgreSQL', 'active node', 'standby', 'both'];

function targetOf({ alone, active, node }: FaultGap): string {
  if (!alone) return 'both';
  if (active === null) return node ?? 'PostgreSQL';
  return active ? 'active node' : 'standby';
}

function statistics(gaps: readonly FaultGap[]): Omit<GapRow, 'fault' | 'target'> {
  const endless = Number.POSITIVE_INFINITY;
  const sorted = gaps.map(({ gap }) => gap ?? endless).sort((a, b) => a - b);
  return {
    times: gaps.length,
    median: sorted[Math.floor((sorted.length - 1) / 2)] ?? endless,
    worst: sorted.at(-1) ?? endless,
    recovery: Math.max(...gaps.map(({ recovery }) => recovery ?? endless)),
  };
}

/** Returns the verdict. */
export function verdictOf(result: CheckResult): Verdict {
  const { counts, interruption } = result;
  const total = Object.values(result.totals).reduce((sum, one) => sum + one, 0);
  const sentences: string[] = [];
  if (interruption !== null)
    sentences.push(`The run did not reach its end: ${interruption}. What was recorded until then was checked.`);
  if (counts.lost > 0) {
    sentences.push(
      `A failover of PostgreSQL lost ${formatCount(counts.lost, 'acknowledged message')}. ${counts.lost === 1 ? 'Its acknowledgement' : 'Their acknowledgements'} said durable: local, and their readers got 410 cursor_expired. Synchronous replication prevents it.`,
    );
  }
  if (counts.faults === 0) sentences.push('No fault was injected, so this proves little.');
  if (!result.valid) return { level: 'broken', headline: `${formatCount(total, 'violation')} found`, sentences };
  if (interruption !== null) return { level: 'incomplete', headline: 'The test did not reach its end', sentences };
  const scale = `${formatNumber(counts.messages)} messages through ${formatCount(counts.faults, 'fault')} and ${formatCount(counts.terms, 'term')}`;
  return { level: 'kept', headline: `All guarantees kept: ${scale}`, sentences };
}

/** Describes the durability that the acknowledgements promised. */
export function describeDurability({ counts }: CheckResult): string {
  const { acknowledged, replicated } = counts;
  const local = acknowledged - replicated;
  if (acknowledged === 0) return 'No post was acknowledged.';
  if (local === 0) return `All ${formatNumber(acknowledged)} acknowledgements said durable: replicated.`;
  if (replicated === 0) {
    return `All ${formatNumber(acknowledged)} acknowledgements said durable: local: a failover of PostgreSQL may lose the newest messages.`;
  }
  return `${formatNumber(replicated)} acknowledgements said durable: replicated, and ${formatNumber(local)} durable: local (while no standby confirmed).`;
}

/** Formats a number with separators. */
export const formatNumber = (value: number): string => value.toLocaleString('en-US');

/** "1 fault", "3 faults". */
export const formatCount = (value: number, noun: string): string =>
  `${formatNumber(value)} ${noun}${value === 1 ? '' : 's'}`;

/** Formats a time of the table. */
export function formatMilliseconds(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'no recovery';
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
