import { expect } from 'chai';
import type { ClusterStatus, Health } from '../../../../src/client/index.ts';
import { DatabaseUnavailableError, reasonOf } from '../../../../src/database/errors.ts';
import { assess, type ClusterSnapshot, isHindered } from '../../../../src/web/cluster/model/cluster-health.ts';
import { nodeStates, type Probe, REFUSED } from '../../../../src/web/cluster/model/node-state.ts';

type Row = ClusterStatus['nodes'][number];
type Term = ClusterStatus['history'][number];

const row = (node: string, role: string, more: Partial<Row> = {}): Row => ({
  ...{ node, role, url: `http://${node}`, pid: 1, term: role === 'active' ? 6 : null, heartbeat_age_ms: 300 },
  ...{ version: '1', position: 1, behind: 0, waiters: 0, posts_per_second: 0, commit_ms: null, delivery_ms: null },
  ...more,
});
const term = (node: string, more: Partial<Term> = {}): Term => ({
  ...{ term: 6, node, url: `http://${node}`, reason: 'test', started_at: '2026-01-01T00:00:00.000Z', ended_at: null },
  ...{ end_reason: null, end_cause: null, asked_by: null, on_duty_ms: 46_000, gap_ms: null },
  ...more,
});
const status = (nodes: Row[], history: Term[], secondActive: ClusterStatus['rival'] = null): ClusterStatus => ({
  ...{
    term: 6,
    active_node: null,
    active_url: null,
    no_active_ms: null,
    cluster: null,
    rival: secondActive,
    pause: null,
    nodes,
    history,
  },
  durability: { durable: 'local', messages_at_risk: null, standbys: [] },
});
const health = (node: string, role: Health['role'], conditions: Health['conditions'] = []) =>
  ({ node, role, url: `http://${node}`, term: role === 'active' ? 6 : null, conditions }) as unknown as Health;
const probe = (node: string, role: Health['role'], misses = 0): [string, Probe] => [
  node,
  { health: health(node, role), at: 10_000, misses },
];

const DEFAULTS = {
  ...{ now: 10_000, clusterAt: 10_000, failure: undefined, responds: true, endedAgoMs: undefined },
  isBlocked: false,
};

function assessed(cluster: ClusterStatus | undefined, probes: [string, Probe][], more: Partial<ClusterSnapshot> = {}) {
  const at = { rowAt: 10_000, now: more.now ?? DEFAULTS.now };
  const nodes = nodeStates(cluster?.nodes ?? [], at, new Map(probes));
  return assess({ ...DEFAULTS, cluster, nodes, missingSince: undefined, ...more });
}

describe('The state of the cluster on its page', () => {
  const both = [row('a', 'active'), row('b', 'standby')];

  it('names the active node and how long it has been active, and keeps counting between two reads', () => {
    const state = assessed(status(both, [term('a')]), [probe('a', 'active'), probe('b', 'standby')], {
      now: 12_000,
    });
    expect(state).to.deep.equal({
      kind: 'active',
      node: 'a',
      term: 6,
      forMs: 48_000,
      problem: undefined,
      isAlone: false,
    });
  });

  it('says that no standby is ready to take over while the others are fallen or unreachable', () => {
    for (const role of ['fallen', 'silent', 'stopped'] as const) {
      const nodes = [row('a', 'active'), row('b', role)];
      expect(assessed(status(nodes, [term('a')]), [probe('a', 'active')]), role).to.include({ isAlone: true });
    }
  });

  it('names the node with the higher term while two say that they are active', () => {
    const probes: [string, Probe][] = [
      probe('a', 'active'),
      ['b', { health: { ...health('b', 'active'), term: 7 }, at: 10_000, misses: 0 }],
    ];
    expect(assessed(status(both, [term('a')]), probes)).to.include({ kind: 'active', node: 'b', forMs: undefined });
  });

  it('warns if the active node cannot store posts', () => {
    const problem = [{ name: 'posts', reason: 'the disk is full', since: '' }];
    const state = assessed(status(both, [term('a')]), [
      ['a', { health: health('a', 'active', problem), at: 10_000, misses: 0 }],
    ]);
    expect(state).to.include({ kind: 'active', problem: 'the disk is full' });
  });

  it('does not treat one late response as an outage', () => {
    expect(assessed(status(both, [term('a')]), [probe('a', 'active', 1)])).to.include({ kind: 'active', node: 'a' });
    const silent = [row('a', 'silent', { heartbeat_age_ms: 5000 }), row('b', 'standby')];
    expect(assessed(status(silent, [term('a')]), [probe('a', 'active', 2)])).to.include({ kind: 'missing' });
  });

  it('does not treat several late responses of nodes as an outage while they write their rows', () => {
    const late = [probe('a', 'active', 5), probe('b', 'standby', 5)];
    expect(assessed(status(both, [term('a')]), late)).to.include({ kind: 'active', node: 'a' });
    expect(assessed(status(both, [term('a')]), late, { now: 14_000 })).to.include({ kind: 'missing' });
    const refused = [probe('a', 'active', REFUSED), probe('b', 'standby')];
    expect(assessed(status(both, [term('a')]), refused)).to.include({ kind: 'missing', cause: 'failover' });
  });

  it('relies on the rows where the browser reaches no node by itself', () => {
    const unreached: [string, Probe] = ['a', { health: undefined, at: 0, misses: 9 }];
    expect(assessed(status(both, [term('a')]), [unreached])).to.include({ kind: 'active', node: 'a' });
    // The rows of several seconds ago say nothing about now.
    expect(assessed(status(both, [term('a')]), [unreached], { now: 16_000 })).to.include({ kind: 'missing' });
  });

  it('expects a standby to take over only from when it can: after a pause, an outage of PostgreSQL, or its return', () => {
    const rows = [row('a', 'silent', { heartbeat_age_ms: 4000 }), row('b', 'standby')];
    const late = { missingSince: -50_000, now: 10_000 };
    const cause = (more: Partial<ClusterSnapshot>) =>
      assessed(status(rows, [term('a')]), [probe('b', 'standby')], { ...late, ...more });
    expect(cause({})).to.include({ cause: 'stuck', forMs: 60_000 });
    expect(cause({ hinderedAt: 9200 }), 'able to for 0.8 s').to.include({ cause: 'failover', forMs: 60_000 });
    expect(cause({ hinderedAt: 0 }), 'able to for 10 s').to.include({ cause: 'stuck' });
    expect(isHindered(cause({ hinderedAt: 9200 }))).to.equal(false);
    const paused = { name: 'paused', reason: 'failover is paused until 12:00', since: '' };
    const reported = assessed(
      status(rows, [term('a')]),
      [['b', { health: health('b', 'standby', [paused]), at: 10_000, misses: 0 }]],
      late,
    );
    expect(reported, 'the standby reports a pause that was not read yet').to.include({ cause: 'paused' });
    expect(isHindered(reported)).to.equal(true);
    expect(isHindered(cause({ failure: 'unavailable' }))).to.equal(true);
  });

  it('says that a standby takes over soon after the active node is gone, and that something is wrong later', () => {
    const rows = [row('a', 'silent', { heartbeat_age_ms: 4000 }), row('b', 'standby')];
    const state = assessed(status(rows, [term('a')]), [probe('b', 'standby')]);
    expect(state).to.deep.include({ kind: 'missing', cause: 'failover', forMs: undefined });
    expect(state).to.deep.include({ last: { node: 'a', cause: 'silent' } });
    const later = assessed(status(rows, [term('a')]), [probe('b', 'standby')], { missingSince: -10_000 });
    expect(later).to.include({ cause: 'stuck', forMs: 20_000 });
  });

  it('does not promise a failover while something is known to prevent it', () => {
    const rows = [row('a', 'silent'), row('b', 'standby')];
    const says = (...names: string[]): [string, Probe] => {
      const conditions = names.map((name) => ({ name, reason: `because of ${name}`, since: '' }));
      return ['b', { health: health('b', 'standby', conditions), at: 10_000, misses: 0 }];
    };
    const of = (probe: [string, Probe], more = {}) => assessed(status(rows, [term('a')]), [probe], more);
    expect(of(says())).to.include({ cause: 'failover', problem: undefined });
    expect(of(says(), { isBlocked: true })).to.include({ cause: 'blocked' });
    expect(of(says('promotion'))).to.include({ cause: 'hindered', problem: 'because of promotion' });
    // Without the admin token the page knows of the session by this alone.
    expect(of(says('promotion', 'blocked'))).to.include({ cause: 'blocked', problem: 'because of blocked' });
    expect(of(says('promotion'), { missingSince: -10_000 })).to.include({ cause: 'stuck' });
  });

  it('says that PostgreSQL does not respond as soon as a standby reports it, in the words of the page alone', () => {
    const rows = [row('a', 'silent'), row('b', 'standby')];
    const away = reasonOf(new DatabaseUnavailableError('the session was lost'));
    const of = (...conditions: [name: string, reason: string][]) => {
      const all = conditions.map(([name, reason]) => ({ name, reason, since: '' }));
      const probe: [string, Probe] = ['b', { health: health('b', 'standby', all), at: 10_000, misses: 0 }];
      return assessed(status(rows, [term('a')]), [probe]);
    };
    const promotion: [string, string] = ['promotion', `this one cannot be promoted: ${away}`];
    expect(of(promotion)).to.include({ cause: 'database', problem: undefined });
    expect(of(['event_log', `the event log cannot be read: ${away}`])).to.include({ cause: 'database' });
    expect(of(promotion, ['blocked', 'because of a session'])).to.include({ cause: 'blocked' });
    expect(of(['promotion', 'PostgreSQL is out of memory'])).to.include({ cause: 'hindered' });
  });

  it('counts from when a node was last active, as its peers know, and not from its last heartbeat', () => {
    const rows = [row('a', 'silent', { heartbeat_age_ms: 1700 }), row('b', 'standby'), row('c', 'standby')];
    const sees = (node: string, no_active_ms: number | null, at: number): [string, Probe] => [
      node,
      { health: { ...health(node, 'standby'), no_active_ms }, at, misses: 0 },
    ];
    const probes = [sees('b', 180, 9980), sees('c', 400, 10_000)];
    const missingSince = 9900;
    expect(assessed(status(rows, [term('a')]), probes, { missingSince })).to.include({ forMs: 200 });
    const unaware = [sees('b', null, 10_000)];
    const cluster = { ...status(rows, [term('a')]), no_active_ms: 300 };
    expect(assessed(cluster, unaware, { missingSince, now: 10_100 })).to.include({ forMs: 400 });
    expect(assessed(status(rows, [term('a')]), unaware, { missingSince })).to.include({ forMs: 100 });
  });

  it('knows when and why a term ended', () => {
    const ended = term('a', { ended_at: '2026-01-01T00:01:00.000Z', end_cause: 'fall' });
    const rows = [row('a', 'fallen'), row('b', 'fallen')];
    const state = assessed(status(rows, [ended]), [probe('a', 'fallen'), probe('b', 'fallen')], {
      endedAgoMs: 5000,
    });
    expect(state).to.deep.include({ cause: 'all_fallen', forMs: 5000, last: { node: 'a', cause: 'fall' } });
  });

  it('says that a pause keeps a standby from taking over', () => {
    const pause = { since: '', until: '', reason: null, asked_by: 'ana' };
    const paused = { ...status([row('a', 'silent'), row('b', 'standby')], [term('a')]), pause };
    expect(assessed(paused, [probe('b', 'standby')])).to.include({ kind: 'missing', cause: 'paused' });
    // A new process of the node that was last active may not take over either: it need not be brought back.
    const both = [probe('a', 'standby'), probe('b', 'standby')];
    expect(assessed(paused, both)).to.include({ kind: 'missing', cause: 'paused_restarted' });
  });

  it('distinguishes an unreachable database from unreachable nodes', () => {
    const away = assessed(status(both, [term('a')]), [probe('a', 'standby'), probe('b', 'standby')], {
      failure: 'unavailable',
    });
    expect(away).to.include({ kind: 'missing', cause: 'database' });
    // A frozen PostgreSQL: nodes respond to the page's probes, and reads of their rows hang.
    const hangs = { failure: 'unreachable' };
    const frozen = assessed(status(both, [term('a')]), [probe('a', 'standby'), probe('b', 'standby')], hangs);
    expect(frozen).to.include({ kind: 'missing', cause: 'database' });
    const conditions = ['promotion', 'event_log'].map((name) => ({ name, reason: name, since: '' }));
    const waits: [string, Probe] = ['b', { health: health('b', 'standby', conditions), at: 10_000, misses: 0 }];
    expect(assessed(status(both, [term('a')]), [probe('a', 'standby'), waits], hangs)).to.include({
      problem: 'event_log',
    });
    const lost = assessed(status(both, [term('a')]), [], {
      failure: 'unreachable',
      responds: false,
      missingSince: 4000,
    });
    expect(lost).to.deep.equal({ kind: 'unreachable', forMs: 6000 });
  });

  it('reports two active nodes on two databases before anything else', () => {
    const secondActive = { node: 'x', url: 'http://x', term: 6, epoch: null };
    const state = assessed(status(both, [term('a')], secondActive), [probe('a', 'active')]);
    expect(state).to.deep.equal({ kind: 'two_actives', active: 'a', second: secondActive });
  });

  it('shows no node that stopped more than ten minutes ago', () => {
    const old = row('old', 'stopped', { heartbeat_age_ms: 700_000 });
    expect(nodeStates([...both, old], { rowAt: 0, now: 0 }, new Map()).map(({ name }) => name)).to.deep.equal([
      'a',
      'b',
    ]);
  });
});
