import type { Progress } from './progress.ts';
import { median, range } from './statistics.ts';
import { ruledTable, shown } from './table.ts';

/** One column of a section. The first figure of a section is plotted. */
interface Figure {
  key: string;
  /** Includes the unit. */
  label: string;
}

/** A program or variant that is measured. A round returns its figures by key, or null if it cannot run on this machine. */
export interface Contestant {
  name: string;
  round(): Promise<Record<string, number> | null>;
}

/** A limit for the ratio of two figures of one run. */
export interface Target {
  work: string;
  /** A contestant and a figure. */
  of: [contestant: string, figure: string];
  /** The divisor; several are added up. Without it the limit applies to the figure itself. */
  to?: [contestant: string, figure: string][];
  atLeast?: number;
  atMost?: number;
  /** A stricter limit, and the measured reason why it is not met; printed while it is missed. */
  aim?: { limit: number; because: string };
}

/** Contestants that are measured in the same rounds, and their targets. */
export interface Section {
  title: string;
  figures: Figure[];
  contestants: Contestant[];
  targets?: Target[];
  /** Number of rounds, if different from the part's. */
  rounds?: number;
}

interface Row {
  name: string;
  /** Values by figure, one per round. */
  values: Record<string, number[]>;
}

export interface TargetResult {
  work: string;
  wanted: string;
  /** One per round. */
  ratios: number[];
  ratio: number;
  isMet: boolean;
  /** Why a stricter limit is missed. */
  remark?: string;
}

export interface SectionResult {
  title: string;
  figures: Figure[];
  rows: Row[];
  targets: TargetResult[];
  skipped: string[];
}

/** Measures every contestant once per round, in rotating order, so that none always runs first. */
export async function runSection(section: Section, rounds: number, progress: Progress): Promise<SectionResult> {
  const rows = section.contestants.map(({ name }): Row => ({ name, values: {} }));
  const skipped = new Set<string>();
  const count = section.rounds ?? rounds;
  for (let round = 0; round < count; round++) {
    for (let index = 0; index < rows.length; index++) {
      const at = (index + round) % rows.length;
      const [contestant, row] = [section.contestants[at], rows[at]];
      if (!contestant || !row || skipped.has(row.name)) continue;
      progress.say(`${section.title}: round ${round + 1} of ${count}, ${contestant.name}`);
      const measured = await contestant.round();
      if (measured === null) skipped.add(row.name);
      for (const [key, value] of Object.entries(measured ?? {})) {
        const values = row.values[key] ?? [];
        values.push(value);
        row.values[key] = values;
      }
    }
  }
  const kept = rows.filter((row) => !skipped.has(row.name));
  const targets = (section.targets ?? []).flatMap((target) => evaluate(target, kept) ?? []);
  return { title: section.title, figures: section.figures, rows: kept, targets, skipped: [...skipped] };
}

/** Evaluates a target. Returns null if its figures were not measured. */
function evaluate(target: Target, rows: readonly Row[]): TargetResult | null {
  const valuesOf = ([name, key]: [string, string]) => rows.find((row) => row.name === name)?.values[key];
  const values = valuesOf(target.of);
  const others = (target.to ?? []).map(valuesOf);
  if (!values || others.includes(undefined)) return null;
  const ratios = values.map((value, round) => {
    const divisor = others.reduce((sum, other) => sum + (other?.[round] ?? Number.NaN), 0);
    return target.to ? value / divisor : value;
  });
  const ratio = median(ratios);
  const { work, atLeast, atMost, aim } = target;
  const isMet = ratio >= (atLeast ?? Number.NEGATIVE_INFINITY) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
  const wanted = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  const isAimMet = !aim || (atLeast === undefined ? ratio <= aim.limit : ratio >= aim.limit);
  const remark = isAimMet ? undefined : `${work}: aimed at ${wanted.charAt(0)} ${aim.limit}. ${aim.because}`;
  return { work, wanted, ratios, ratio, isMet, ...(remark && { remark }) };
}

/** Formats a section: medians with minimum and maximum of the rounds, then the targets. */
export function showSection(result: SectionResult): string {
  const cell = (values: readonly number[] | undefined) => {
    if (!values) return '';
    const { min, max } = range(values);
    return values.length === 1 ? shown(min) : `${shown(median(values))} (${shown(min)}–${shown(max)})`;
  };
  const header = [result.title, ...result.figures.map((figure) => figure.label)];
  const rows = result.rows.map((row) => [row.name, ...result.figures.map(({ key }) => cell(row.values[key]))]);
  const parts = [ruledTable(header, rows)];
  if (result.targets.length > 0) parts.push(showTargets(result.targets));
  for (const name of result.skipped) parts.push(`skipped on this machine: ${name}`);
  return parts.join('\n\n');
}

/** Formats targets and their measured ratios. */
export function showTargets(targets: readonly TargetResult[]): string {
  const rows = targets.map(({ work, ratios, ratio, wanted, isMet }) => {
    const { min, max } = range(ratios);
    const spread = ratios.length > 1 ? `${shown(ratio)} (${shown(min)}–${shown(max)})` : shown(ratio);
    return [work, spread, wanted, isMet ? 'met' : 'MISSED'];
  });
  const remarks = targets.flatMap(({ remark }) => remark ?? []);
  return [ruledTable(['target', 'ratio', 'wanted', ''], rows), ...remarks].join('\n\n');
}
