import * as echarts from 'echarts';
import type { SectionResult } from './section.ts';
import { median } from './statistics.ts';

const WIDTH = 860;
const HEAD = 48;
const ROW = 30;
const FOOT = 34;
const COLOURS = { bar: '#5b7db1', round: '#1d2b44', text: '#333' };

/** Draws the first figure of each section as SVG: a bar for each median, a dot for each round. */
export function plot(title: string, sections: readonly SectionResult[]): string {
  const heights = sections.map((section) => HEAD + FOOT + ROW * section.rows.length);
  const tops = heights.map((_, at) => 30 + heights.slice(0, at).reduce((sum, height) => sum + height, 0));
  const height = 40 + heights.reduce((sum, one) => sum + one, 0);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle: { fontFamily: 'system-ui, sans-serif', color: COLOURS.text },
    title: [
      { text: title, left: 8, top: 4, textStyle: { fontSize: 16 } },
      ...sections.map((section, at) => ({
        text: `${section.title}: ${section.figures[0]?.label ?? ''}`,
        left: 8,
        top: (tops[at] ?? 0) + 12,
        textStyle: { fontSize: 13 },
      })),
    ],
    grid: sections.map((section, at) => ({
      left: 250,
      right: 40,
      top: (tops[at] ?? 0) + HEAD,
      height: ROW * section.rows.length,
    })),
    xAxis: sections.map((_, at) => ({ type: 'value', gridIndex: at, splitNumber: 5 })),
    yAxis: sections.map((section, at) => ({
      type: 'category',
      gridIndex: at,
      inverse: true,
      data: section.rows.map((row) => row.name),
      axisLabel: { width: 235, overflow: 'truncate' },
      axisTick: { show: false },
    })),
    series: sections.flatMap(series),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function series(section: SectionResult, at: number) {
  const key = section.figures[0]?.key ?? '';
  const rows = section.rows.map((row) => row.values[key] ?? []);
  const place = { xAxisIndex: at, yAxisIndex: at };
  return [
    {
      type: 'bar',
      ...place,
      data: rows.map((values) => median(values)),
      itemStyle: { color: COLOURS.bar },
      barWidth: 16,
    },
    {
      type: 'scatter',
      ...place,
      data: rows.flatMap((values, row) => values.map((value) => [value, row])),
      symbolSize: 5,
      itemStyle: { color: COLOURS.round },
    },
  ];
}
