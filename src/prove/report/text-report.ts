import { alignColumns } from '../../terminal/text-table.ts';
import { type CheckResult, VIOLATIONS } from '../checker/check-result.ts';
import {
  describeDurability,
  formatCount,
  formatMilliseconds,
  formatNumber,
  gapRows,
  guaranteeRows,
  verdictOf,
} from './report-model.ts';

/** The history of a run, and the command that checks it again. */
export interface ReportFiles {
  history: string;
  checkCommand: string;
}

/** Returns the report of a run as text, one page if there is no violation. */
export function textReport(result: CheckResult, files: ReportFiles): string {
  const verdict = verdictOf(result);
  const mark = { kept: 'OK', broken: 'VIOLATED', incomplete: 'INCOMPLETE' }[verdict.level];
  const sections = [
    [`${mark}  ${verdict.headline}`, ...verdict.sentences].join('\n'),
    violations(result),
    section('What was checked', alignColumns([['guarantee', 'examined', 'violations'], ...guarantees(result)], [2])),
    section('Time without an accepted post, by fault', faults(result)),
    section('Posts', posts(result)),
    section('PostgreSQL', postgres(result)),
    section(
      'Remarks',
      result.remarks
        .concat(result.about?.remarks ?? [])
        .map((one) => `- ${one}`)
        .join('\n'),
    ),
    section('Reproduce', reproduce(result, files)),
  ];
  return `${sections.filter((one) => one !== '').join('\n\n')}\n`;
}

const section = (title: string, text: string) => (text === '' ? '' : `${title}\n${indented(text)}`);
const indented = (text: string) => text.replace(/^(?=.)/gm, '  ');

function guarantees(result: CheckResult): string[][] {
  return guaranteeRows(result).map(({ guarantee, examined, violations: found }) => [
    guarantee,
    examined,
    String(found),
  ]);
}

function faults({ gaps }: CheckResult): string {
  const rows = gapRows(gaps).map(({ fault, target, times, median, worst, recovery }) => [
    fault,
    target,
    String(times),
    ...[median, worst, recovery].map(formatMilliseconds),
  ]);
  if (rows.length === 0) return 'no fault was injected';
  return alignColumns([['fault', 'target', 'times', 'median', 'worst', 'worst recovery'], ...rows], [2, 3, 4, 5]);
}

function posts(result: CheckResult): string {
  const { posts: all, acknowledged, refused, unknown, deliveries, readers } = result.counts;
  return [
    `${formatCount(all, 'post')}: ${formatNumber(acknowledged)} acknowledged, ${formatNumber(refused)} refused, ${formatNumber(unknown)} without a response`,
    `${formatCount(readers, 'reader')} (long poll, stream, client) received ${formatCount(deliveries, 'message')}`,
    describeDurability(result),
  ].join('\n');
}

function postgres({ about }: CheckResult): string {
  if (!about) return '';
  const rows = [['Server', about.server], ...about.postgres.map(({ name, value }) => [name, value])];
  return alignColumns(rows, []);
}

function violations({ violations: listed, totals }: CheckResult): string {
  const parts = Object.entries(totals).map(([kind, total]) => {
    const some = listed.filter((one) => one.kind === kind);
    const more = total - some.length;
    const lines = [...some.map(({ sentence }) => sentence), ...(more > 0 ? [`and ${formatNumber(more)} more`] : [])];
    return `${kind} (${total}): ${VIOLATIONS[kind as keyof typeof VIOLATIONS]}\n${indented(lines.map((one) => `- ${one}`).join('\n'))}`;
  });
  return section('Violations', parts.join('\n'));
}

function reproduce({ about }: CheckResult, { history, checkCommand }: ReportFiles): string {
  const started = about
    ? `Plantão ${about.version}, ${about.startedAt}, seed ${about.seed}\nrepeat:   ${about.command}\n`
    : '';
  return `${started}check:    ${checkCommand}\nhistory:  ${history}`;
}
