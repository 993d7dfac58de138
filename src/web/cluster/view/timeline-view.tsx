import { useState } from 'preact/hooks';
import { dateAndTime, timeOfDay } from '../../i18n/dates.ts';
import { duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { Monitor } from '../model/monitor.ts';
import { type Bar, type Chart, chartOf, type Gap, ticksOf, usualWindow, WINDOWS } from '../model/timeline.ts';
import { ChangeList, LONG_MS } from './change-list.tsx';

/** The room for one label, as a fraction of the chart. */
const LABEL_WIDTH = 0.1;

/** The terms of the last hours: a row per node, a bar per term, and the times without an active node. */
export function TimelineView({ monitor }: { monitor: Monitor }) {
  const [chosen, setChosen] = useState<number>();
  const t = clusterTexts();
  const { timeline, nodes, health } = monitor;
  if (timeline === undefined) return null;
  const now = Date.parse(timeline.content.now) + performance.now() - timeline.at;
  const content = { ...timeline.content, now: new Date(now).toISOString() };
  const minutes = chosen ?? usualWindow(content);
  const missingMs = health.kind === 'missing' ? health.forMs : undefined;
  const chart = chartOf(content, {
    minutes,
    nodes: nodes.filter(({ role }) => role !== 'stopped').map(({ name }) => name),
    endedAt: missingMs === undefined ? undefined : now - missingMs,
    hasActive: health.kind === 'active',
  });
  return (
    <section class="timeline" aria-labelledby="timeline-title">
      <div class="section-head">
        <h2 id="timeline-title">{t.timeline}</h2>
        <fieldset class="windows">
          <legend class="visually-hidden">{t.window}</legend>
          {WINDOWS.map((one) => (
            <label key={one}>
              <input type="radio" name="window" checked={one === minutes} onChange={() => setChosen(one)} />
              <span>{t.windowNames[one]}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <p class="hint">{summaryOf(chart)}</p>
      {/* The summary and the list of changes say the same in words. */}
      <div class="chart" aria-hidden="true">
        <GapLabels gaps={chart.gaps} />
        {chart.rows.map(({ node, bars }) => (
          <Row key={node} node={node} bars={bars} gaps={chart.gaps} />
        ))}
        <Axis chart={chart} />
      </div>
      <ChangeList chart={chart} terms={content.terms} />
    </section>
  );
}

const percent = (fraction: number) => `${(fraction * 100).toFixed(3)}%`;

function Row({ node, bars, gaps }: { node: string; bars: readonly Bar[]; gaps: readonly Gap[] }) {
  const t = clusterTexts();
  return (
    <>
      <span class="row-name">{node}</span>
      <svg class="track" aria-hidden="true">
        {bars.map(({ term, from, to }) => (
          <rect
            key={term.term}
            class="term"
            x={percent(from)}
            width={percent(Math.max(0, to - from))}
            y="20%"
            height="60%"
            rx="3"
          >
            <title>
              {t.barTitle(node, term.term, dateAndTime(new Date(term.started_at)), duration(term.on_duty_ms))}
            </title>
          </rect>
        ))}
        {gaps.map(({ from, to, ms, after }) => (
          <g key={after?.term ?? 'open'} class={ms < LONG_MS ? 'gap short' : 'gap'}>
            {/* A gap of a second is narrower than a pixel in a chart of hours: the line is always visible. */}
            <rect x={percent(from)} width={percent(to - from)} y="0" height="100%" />
            <line x1={percent(to)} x2={percent(to)} y1="0" y2="100%" />
            <title>{t.noActiveFor(duration(ms))}</title>
          </g>
        ))}
      </svg>
    </>
  );
}

/** The lengths of the gaps. A gap that is too close to the next one has no label; the list below has all. */
function GapLabels({ gaps }: { gaps: readonly Gap[] }) {
  let left = Number.POSITIVE_INFINITY;
  const shown = gaps.filter(({ ms, to }) => {
    if (ms < LONG_MS || left - to < LABEL_WIDTH) return false;
    left = to;
    return true;
  });
  if (shown.length === 0) return null;
  return (
    <>
      <span />
      <div class="gap-labels">
        {shown.map(({ from, to, ms, after }) => (
          <span
            key={after?.term ?? 'open'}
            style={{ left: percent(Math.min(1 - LABEL_WIDTH / 2, Math.max(LABEL_WIDTH / 2, (from + to) / 2))) }}
          >
            {duration(ms)}
          </span>
        ))}
      </div>
    </>
  );
}

function Axis({ chart }: { chart: Chart }) {
  return (
    <>
      <span />
      <div class="axis">
        {ticksOf(chart)
          .filter(({ at }) => at > 0.08 && at < 0.76)
          .map(({ at, time }) => (
            <span key={time.getTime()} style={{ left: percent(at) }}>
              {timeOfDay(time)}
            </span>
          ))}
        <span class="last">{clusterTexts().now}</span>
      </div>
    </>
  );
}

function summaryOf({ rows, gaps }: Chart): string {
  const t = clusterTexts();
  const terms = rows.reduce((sum, { bars }) => sum + bars.length, 0);
  const longest = gaps.reduce((max, { ms }) => Math.max(max, ms), 0);
  return t.timelineSummary(t.terms(terms), t.gaps(gaps.length, duration(longest)));
}
