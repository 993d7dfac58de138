import { expect } from 'chai';
import { FigureHistory } from '../../../../src/web/cluster/model/figure-history.ts';
import { duration } from '../../../../src/web/i18n/durations.ts';

const figures = (node: string, waiters: (number | null)[]) => ({
  ...{ node, waiters, posts_per_second: waiters, commit_ms: waiters.map(() => null), delivery_ms: waiters },
});
const response = (...nodes: ReturnType<typeof figures>[]) => ({ step_ms: 2000, nodes });

describe('The figures on the cluster page', () => {
  it('remain when the page moves to a node that has just started, with a gap where nothing was read', () => {
    const history = new FigureHistory();
    history.add(response(figures('a', [1, 2, 3, 4, 5, 6]), figures('b', [6, 5, 4, 3, 2, 1])), 20_000);
    const moved = history.add(response(figures('b', [null, null, null, null, null, 9])), 26_000);
    expect(moved.nodes.map(({ node, waiters }) => [node, waiters])).to.deep.equal([
      ['a', [4, 5, 6, null, null, null]],
      ['b', [3, 2, 1, null, null, 9]],
    ]);
    expect(moved.nodes[0]?.delivery_ms).to.deep.equal([4, 5, 6, null, null, null]);
  });

  it('disappear for a node when everything known about it is older than the chart', () => {
    const history = new FigureHistory();
    history.add(response(figures('a', [1, 2]), figures('b', [3, 4])), 20_000);
    const later = history.add(response(figures('b', [null, 9])), 40_000);
    expect(later.nodes.map(({ node }) => node)).to.deep.equal(['b']);
  });

  it('are rounded to the unit that they are shown in', () => {
    expect([-3, 3.6, 94.6, 96, 999.6, 994, 9960, 59_990].map(duration)).to.deep.equal([
      ...['0 ms', '4 ms', '95 ms', '100 ms', '1 s', '990 ms', '10 s', '59 s'],
    ]);
  });
});
