import { expect } from 'chai';
import {
  type ClusterNode,
  ClusterNotices,
  hasActive,
  type ShownState,
} from '../../../../../src/web/home/model/connection/cluster-notices.ts';
import { dayName, untilTime } from '../../../../../src/web/i18n/dates.ts';

function nodes(one: ShownState, two: ShownState, terms: [number, number] = [1, 1]): ClusterNode[] {
  return [
    { name: 'node-1', url: 'http://a', state: one, term: terms[0] },
    { name: 'node-2', url: 'http://b', state: two, term: terms[1] },
  ];
}

/** Returns the notice for each state of the cluster. */
function texts(...states: ClusterNode[][]): (string | undefined)[] {
  const notices = new ClusterNotices();
  return states.map((state) => notices.update(state)?.text);
}

describe('Cluster notices', () => {
  it('are absent while nothing changes', () => {
    const state = nodes('active', 'standby');
    expect(texts(state, state)).to.deep.equal([undefined, undefined]);
  });

  it('describe a failover that completed between two polls', () => {
    const shown = texts(nodes('active', 'standby'), nodes('unreachable', 'active'), nodes('standby', 'active'));
    expect(shown).to.deep.equal([undefined, 'node-1 is unreachable; node-2 is active.', 'node-1 is back as standby.']);
  });

  it('describe a failover in progress, then its end', () => {
    const shown = texts(nodes('active', 'standby'), nodes('unreachable', 'standby'), nodes('unreachable', 'active'));
    expect(shown[1]).to.equal('node-1 is unreachable. Waiting for the service… Messages you send wait here.');
    expect(shown[2]).to.equal('node-1 is unreachable; node-2 is active.');
  });

  it('describe a switchover, and a node taken out of service', () => {
    expect(texts(nodes('active', 'standby'), nodes('standby', 'active'))[1]).to.equal(
      'node-1 is no longer active; node-2 is active.',
    );
    expect(texts(nodes('active', 'standby'), nodes('fallen', 'active'))[1]).to.equal(
      'node-1 was taken out of service; node-2 is active.',
    );
  });

  it('describe the loss of a standby', () => {
    expect(texts(nodes('active', 'standby'), nodes('active', 'unreachable'))[1]).to.equal(
      'node-2 is unreachable; node-1 is still active.',
    );
  });

  it('describe the loss of all nodes, and the recovery', () => {
    const notices = new ClusterNotices();
    notices.update(nodes('active', 'standby'));
    expect(notices.update(nodes('unreachable', 'unreachable'))).to.deep.equal({
      text: "Can't connect. Retrying… Messages you send wait here.",
      tone: 'warning',
    });
    expect(notices.update(nodes('active', 'unreachable'))).to.deep.equal({
      text: "You're connected again.",
      tone: 'info',
    });
  });

  it('warn once while nothing changes, and again when the warning changes', () => {
    const away = nodes('unreachable', 'unreachable');
    const shown = texts(nodes('active', 'standby'), away, away, nodes('unreachable', 'standby'), away);
    expect(shown.map((text) => text?.split('. ')[0])).to.deep.equal([
      undefined,
      "Can't connect",
      undefined,
      'node-1 is unreachable',
      "Can't connect",
    ]);
  });

  it('describe a time without an active node, and its end', () => {
    const notices = new ClusterNotices();
    notices.update(nodes('active', 'standby'));
    expect(notices.update(nodes('unreachable', 'standby'))?.text).to.match(/^node-1 is unreachable\. Waiting/);
    expect(notices.update(nodes('active', 'standby'))?.text).to.equal('node-1 is active again.');
  });

  it('describe a pause of failover in plain words while no node is active', () => {
    const until = new Date(Date.now() + 60_000);
    const time = untilTime(until, new Date());
    const paused = (one: ShownState, two: ShownState) =>
      nodes(one, two).map((node) => ({ ...node, pausedUntil: until.toISOString() }));
    const [first, second] = [paused('unreachable', 'standby'), paused('fallen', 'fallen')];
    expect(texts(paused('active', 'standby'), first, second, second, nodes('active', 'standby'))).to.deep.equal([
      undefined,
      `The chat is paused for maintenance until ${time}. You can read, and messages you send wait here.`,
      `The chat is paused for maintenance until ${time}. Messages you send wait here.`,
      undefined,
      'node-1 is active again.',
    ]);
  });

  it('do not rely on the pause that a node reported before it became unreachable', () => {
    const until = new Date(Date.now() + 60_000).toISOString();
    const away = nodes('unreachable', 'unreachable').map((node) => ({ ...node, pausedUntil: until }));
    expect(texts(nodes('active', 'standby'), away)[1]).to.match(/^Can't connect/);
  });

  it('do not warn a page that reaches the active node by way of a standby, and say when it is reached again', () => {
    const proxied = (activeNode: string | undefined, state: ShownState = 'standby'): ClusterNode[] => [
      { name: 'node-2', url: 'http://proxy', state, term: 1, activeNode },
    ];
    expect(texts(proxied('node-1'), proxied(undefined), proxied('node-3'), proxied('node-3'))).to.deep.equal([
      undefined,
      'Waiting for the service… Messages you send wait here.',
      "You're connected again.",
      undefined,
    ]);
    expect([proxied('node-1'), proxied(undefined), proxied('node-1', 'fallen')].map(hasActive)).to.deep.equal([
      true,
      false,
      false,
    ]);
    // The page itself sees that it is not active.
    const former = [...proxied('node-1'), { name: 'node-1', url: 'http://a', state: 'fallen' as const, term: 1 }];
    expect(hasActive(former)).to.equal(false);
  });

  it('use the higher term if two nodes report that they are active', () => {
    expect(texts(nodes('active', 'standby'), nodes('active', 'active', [1, 2]))[1]).to.equal(
      'node-1 is no longer active; node-2 is active.',
    );
  });
});

describe('The end of a pause', () => {
  const now = new Date(2026, 2, 1, 23, 30);
  it('has a date unless it is today', () => {
    expect(untilTime(new Date(2026, 2, 1, 23, 45), now)).to.match(/^11:45.PM$/);
    expect(untilTime(new Date(2026, 2, 2, 0, 15), now)).to.match(/^Mar 2, 12:15.AM$/);
  });
});

describe('The heading of a day', () => {
  const now = new Date(2026, 2, 1, 0, 30);
  const cases: [Date, string][] = [
    [new Date(2026, 2, 1, 0, 1), 'Today'],
    [new Date(2026, 1, 28, 23, 59), 'Yesterday'],
    [new Date(2026, 1, 27, 12), 'Friday, February 27'],
    [new Date(2025, 11, 31, 12), 'Wednesday, December 31, 2025'],
  ];
  for (const [day, name] of cases) it(`is "${name}"`, () => expect(dayName(day, now)).to.equal(name));
});
