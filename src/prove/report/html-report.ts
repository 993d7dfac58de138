import { type CheckResult, type FaultGap, VIOLATIONS } from '../checker/check-result.ts';
import { type Html, html } from './html.ts';
import {
  describeDurability,
  formatCount,
  formatMilliseconds,
  formatNumber,
  gapRows,
  guaranteeRows,
  type Verdict,
  verdictOf,
} from './report-model.ts';
import { STYLE } from './report-style.ts';
import type { ReportFiles } from './text-report.ts';
import { timelineChart } from './timeline-chart.ts';

const MARKS: Record<Verdict['level'], string> = { kept: '✓', broken: '✗', incomplete: '…' };

/** Returns the report of a run as one HTML file without scripts or other files. */
export function htmlReport(result: CheckResult, files: ReportFiles): string {
  const { about } = result;
  const verdict = verdictOf(result);
  const when = about ? ` · ${about.startedAt.slice(0, 16).replace('T', ' ')} UTC` : '';
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${MARKS[verdict.level]} ${verdict.headline} – plantao prove</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<header>
<h1>Failover test of Plantão${about ? ` on ${about.server}` : ''}${when}</h1>
<p class="verdict ${verdict.level}"><span class="mark" aria-hidden="true">${MARKS[verdict.level]}</span>${verdict.headline}</p>
${verdict.sentences.map((sentence) => html`<p>${sentence}</p>`)}
${tiles(result)}
</header>
<main>
${violations(result)}
<section><h2>What was checked</h2>${guarantees(result)}</section>
<section><h2>Time without an accepted post, by fault</h2>${timelineChart(result)}${faults(result)}</section>
<section><h2>Posts and durability</h2>${posts(result)}</section>
${postgres(result)}
${remarks(result)}
<section><h2>Reproduce</h2>${reproduce(result, files)}</section>
</main>
</body>
</html>
`;
  return page.html;
}

function tiles(result: CheckResult): Html {
  const { counts, gaps, totals } = result;
  const lost = (totals.lost ?? 0) + counts.lost;
  const entries: [string, string][] = [
    [formatNumber(lost), 'messages lost'],
    [formatNumber((totals.duplicated ?? 0) + (totals.duplicated_unknown ?? 0)), 'messages twice'],
    worstGap(gaps),
    [formatNumber(counts.faults), 'faults injected'],
    [formatNumber(counts.messages), 'messages acknowledged'],
  ];
  return html`<ul class="tiles">${entries.map(([value, label]) => html`<li><b>${value}</b> ${label}</li>`)}</ul>`;
}

/** The gap that people look for first; a run without that fault shows the worst of all. */
function worstGap(gaps: readonly FaultGap[]): [string, string] {
  const ofKill = gapRows(gaps.filter(({ kind, active, alone }) => kind === 'kill -9' && active && alone))[0];
  if (ofKill) return [formatMilliseconds(ofKill.worst), 'worst gap after kill -9 of the active node'];
  const worst = gapRows(gaps).toSorted((one, other) => other.worst - one.worst)[0];
  return worst ? [formatMilliseconds(worst.worst), `worst gap: ${worst.fault}`] : ['–', 'worst gap'];
}

function guarantees(result: CheckResult): Html {
  const rows = guaranteeRows(result).map(
    ({ guarantee, examined, violations: found }) =>
      html`<tr><th scope="row">${guarantee}</th><td>${examined}</td><td class="n ${found > 0 ? 'found' : 'zero'}">${formatNumber(found)}</td></tr>`,
  );
  return html`<div class="wide" tabindex="0" role="region" aria-label="Guarantees"><table><thead><tr><th scope="col">Guarantee</th><th scope="col">Examined</th><th scope="col" class="n">Violations</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function faults({ gaps }: CheckResult): Html {
  const rows = gapRows(gaps).map(
    ({ fault, target, times, median, worst, recovery }) =>
      html`<tr><th scope="row">${fault}</th><td>${target}</td><td class="n">${formatNumber(times)}</td><td class="n">${formatMilliseconds(median)}</td><td class="n">${formatMilliseconds(worst)}</td><td class="n">${formatMilliseconds(recovery)}</td></tr>`,
  );
  if (rows.length === 0) return html`<p>No fault was injected.</p>`;
  return html`<div class="wide" tabindex="0" role="region" aria-label="Gaps by fault"><table><thead><tr><th scope="col">Fault</th><th scope="col">Target</th><th scope="col" class="n">Times</th><th scope="col" class="n">Median</th><th scope="col" class="n">Worst</th><th scope="col" class="n">Worst recovery</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="soft">Median and worst: the time between two accepted posts around a fault. If the fault caused no gap, this is the time between two posts, which depends on the rate and on the load of the machine. Worst recovery: the longest time from the end of a fault to the next accepted post.</p>`;
}

function posts(result: CheckResult): Html {
  const { posts: all, acknowledged, refused, unknown, deliveries, readers } = result.counts;
  return html`<p>${formatCount(all, 'post')}: ${formatNumber(acknowledged)} acknowledged, ${formatNumber(refused)} refused, ${formatNumber(unknown)} without a response. ${formatCount(readers, 'reader')} (long poll, stream, client) received ${formatCount(deliveries, 'message')}.</p><p>${describeDurability(result)}</p>`;
}

function postgres({ about }: CheckResult): Html {
  if (!about) return html``;
  const rows = about.postgres.map(({ name, value }) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`);
  return html`<section><h2>PostgreSQL</h2><div class="wide" tabindex="0" role="region" aria-label="PostgreSQL"><table><tbody><tr><th scope="row">Server</th><td>${about.server}</td></tr>${rows}</tbody></table></div></section>`;
}

function remarks({ about, remarks: some }: CheckResult): Html {
  const all = [...some, ...(about?.remarks ?? [])];
  if (all.length === 0) return html``;
  return html`<section><h2>Remarks</h2><ul>${all.map((one) => html`<li>${one}</li>`)}</ul></section>`;
}

function violations({ violations: listed, totals }: CheckResult): Html {
  const parts = Object.entries(totals).map(([kind, total]) => {
    const some = listed.filter((one) => one.kind === kind);
    const more = total - some.length;
    return html`<h3>${kind} (${formatNumber(total)}): ${VIOLATIONS[kind as keyof typeof VIOLATIONS]}</h3><ul>${some.map(
      ({ sentence }) => html`<li>${sentence}</li>`,
    )}${more > 0 ? html`<li>and ${formatNumber(more)} more</li>` : null}</ul>`;
  });
  return parts.length === 0 ? html`` : html`<section><h2>Violations</h2>${parts}</section>`;
}

function reproduce({ about }: CheckResult, { history, checkCommand }: ReportFiles): Html {
  const run = about
    ? html`<dt>Run</dt><dd>Plantão ${about.version}, ${formatNumber(about.nodes)} nodes with LEASE_MS=${about.leaseMs}, ${about.rate} posts a second, seed ${about.seed}</dd><dt>Repeat</dt><dd><code>${about.command}</code></dd>`
    : null;
  return html`<dl>${run}<dt>Check the history again</dt><dd><code>${checkCommand}</code></dd><dt>History</dt><dd><code>${history}</code></dd></dl>`;
}
