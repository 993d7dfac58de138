import type { CheckResult } from '../checker/check-result.ts';
import { type Html, html } from './html.ts';
import { formatCount } from './report-model.ts';

const WIDTH = 960;
const HEIGHT = 150;
const BASE = 126;
const TOP = 8;
/** Minimum width of a band, so that a fault without a duration is visible. */
const THINNEST = 1.5;

/** Draws accepted posts over time, with the faults as bands. The tables of the report have the same facts in words. */
export function timelineChart({ timeline, gaps }: CheckResult): Html {
  const { beganMs, lengthMs, bucketMs, acknowledged } = timeline;
  const highest = Math.max(1, ...acknowledged);
  const endedMs = beganMs + lengthMs;
  const x = (ms: number) => round(((ms - beganMs) / Math.max(1, lengthMs)) * WIDTH);
  const bars = acknowledged.map((posts, at) => {
    const height = round((posts / highest) * (BASE - TOP));
    const start = beganMs + at * bucketMs;
    const [left, right] = [x(start), x(Math.min(endedMs, start + bucketMs))];
    return html`<rect class="bar" x="${left}" y="${round(BASE - height)}" width="${round(Math.max(0.5, right - left - 0.4))}" height="${height}"/>`;
  });
  const bands = gaps.map(({ kind, began, healed }) => {
    const width = Math.max(THINNEST, x(healed ?? endedMs) - x(began));
    return html`<rect class="band" x="${x(began)}" y="${TOP}" width="${round(width)}" height="${BASE - TOP}"><title>${kind} at ${seconds(began)}</title></rect>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    return html`<text x="${round(part * WIDTH)}" y="${HEIGHT - 6}" text-anchor="${anchor}">${seconds(beganMs + part * lengthMs)}</text>`;
  });
  const perSecond = Math.round((highest * 1000) / bucketMs);
  return html`<figure style="margin:0"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="chart-title">
<title id="chart-title">Accepted posts over time, up to ${perSecond} a second, with ${formatCount(gaps.length, 'fault')} as bands</title>
${bands}${bars}<line class="axis" x1="0" y1="${BASE}" x2="${WIDTH}" y2="${BASE}"/>${ticks}</svg>
<figcaption class="soft">Accepted posts over time (highest bar: ${perSecond} a second). Each band is a fault, from its start to its end.</figcaption></figure>`;
}

const round = (value: number) => Math.round(value * 10) / 10;

function seconds(ms: number): string {
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
