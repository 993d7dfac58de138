import { expect } from 'chai';
import type { ClusterTimeline } from '../../../../src/client/index.ts';
import { chartOf, ticksOf, usualWindow } from '../../../../src/web/cluster/model/timeline.ts';

type Term = ClusterTimeline['terms'][number];
const NOW = Date.parse('2026-01-01T12:00:00.000Z');
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

function term(number: number, node: string, from: number, to: number | null, gapMs: number | null): Term {
  return {
    ...{ term: number, node, url: '', reason: '', started_at: ago(from), ended_at: to === null ? null : ago(to) },
    ...{ end_reason: null, end_cause: null, asked_by: null, on_duty_ms: 0, gap_ms: gapMs },
  };
}

const timeline = (...terms: Term[]): ClusterTimeline => ({ now: ago(0), terms });

describe("The cluster page's timeline", () => {
  it('has a row for each node and a bar for each of its terms, and the gaps between them', () => {
    const chart = chartOf(timeline(term(2, 'b', 15, null, 6 * 60_000), term(1, 'a', 45, 21, null)), {
      minutes: 60,
      nodes: ['a', 'b', 'c'],
    });
    expect(chart.rows.map(({ node, bars }) => [node, bars.map(({ from, to }) => [from, to])])).to.deep.equal([
      ['a', [[0.25, 0.65]]],
      ['b', [[0.75, 1]]],
      ['c', []],
    ]);
    expect(
      chart.gaps.map(({ ms, from, to, before, after }) => [ms, from, to, before?.node, after?.node]),
    ).to.deep.equal([[360_000, 0.65, 0.75, 'a', 'b']]);
  });

  it('has no present gap if a node is active in a term that the timeline does not have yet', () => {
    const ended = timeline(term(1, 'a', 45, 6, null));
    expect(chartOf(ended, { minutes: 60, nodes: [] }).gaps).to.have.length(1);
    expect(chartOf(ended, { minutes: 60, nodes: [], hasActive: true }).gaps).to.deep.equal([]);
  });

  it('leaves out what lies before the window, and cuts a term that began before it', () => {
    const chart = chartOf(timeline(term(2, 'b', 90, null, 1000), term(1, 'a', 120, 91, null)), {
      minutes: 60,
      nodes: [],
    });
    expect(chart.rows).to.have.length(1);
    expect(chart.rows[0]?.bars[0]).to.include({ from: 0, to: 1 });
    expect(chart.gaps).to.deep.equal([]);
  });

  it('shows the gap that lasts now, even if the dead node has not closed its term', () => {
    const open = chartOf(timeline(term(1, 'a', 30, null, null)), { minutes: 60, nodes: [], endedAt: NOW - 6 * 60_000 });
    expect(open.rows[0]?.bars[0]?.to).to.equal(0.9);
    expect(open.gaps).to.have.length(1);
    expect(open.gaps[0]).to.include({ ms: 360_000, from: 0.9, to: 1, after: undefined });
    expect(chartOf(timeline(term(1, 'a', 30, 6, null)), { minutes: 60, nodes: [] }).gaps[0]?.ms).to.equal(360_000);
  });

  it('has no present gap if the term that ended the gap is known', () => {
    const terms = timeline(term(2, 'b', 3, null, 3 * 60_000), term(1, 'a', 30, 6, null));
    const chart = chartOf(terms, { minutes: 60, nodes: [], endedAt: NOW - 6 * 60_000 });
    expect(chart.gaps.map(({ after }) => after?.node)).to.deep.equal(['b']);
    expect(chart.rows[1]?.bars[0]?.to).to.equal(1);
  });

  it('chooses the shortest window that has the last two changes', () => {
    expect(usualWindow(timeline(term(1, 'a', 5, null, null)))).to.equal(15);
    expect(
      usualWindow(timeline(term(3, 'a', 2, null, 1), term(2, 'b', 20, 2, 1), term(1, 'a', 200, 20, null))),
    ).to.equal(360);
    expect(usualWindow(timeline(term(1, 'a', 9000, null, null)))).to.equal(1440);
    expect(usualWindow(timeline())).to.equal(15);
  });

  it('has a few ticks at round times', () => {
    for (const minutes of [15, 60, 360, 1440]) {
      const ticks = ticksOf({ from: NOW - minutes * 60_000, to: NOW });
      expect(ticks.length, `${minutes} min`).to.be.within(3, 5);
      for (const { time, at } of ticks) {
        expect(time.getMinutes() % 5).to.equal(0);
        expect(at).to.be.within(0, 1);
      }
    }
  });
});
