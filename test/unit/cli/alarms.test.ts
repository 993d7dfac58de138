import { expect } from 'chai';
import { alarmsOf } from '../../../src/cli/status/alarms.ts';
import type { NodeStatusRow, StatusReport } from '../../../src/cli/status/read-status.ts';

describe('The alarms of plantao status', () => {
  const node = (name: string, role: NodeStatusRow['role']) => ({ node: name, role }) as NodeStatusRow;
  const quiet = { usage: 0, hints_are_sent: true, pid: null, application_name: null };
  const status = (changes: Partial<StatusReport> = {}, queue = quiet as object, postgres = {}) =>
    ({
      leader: { node: 'node-a', term: 1 },
      pause: null,
      nodes: [node('node-a', 'active'), node('node-b', 'standby')],
      blocking: [],
      unread: [],
      postgres: {
        in_recovery: false,
        durable: 'local',
        senders: 0,
        connections: 20,
        max_connections: 97,
        standbys: [],
        notify_queue: queue,
        ...postgres,
      },
      ...changes,
    }) as unknown as StatusReport;

  it('are absent while one node is active and another could take over', () => {
    expect(alarmsOf(status())).to.deep.equal([]);
  });

  it('name the session that most likely holds the NOTIFY queue, and the statement that ends it', () => {
    const full = { usage: 0.876, hints_are_sent: false, pid: 7, application_name: 'report' };
    expect(alarmsOf(status({}, full))).to.deep.equal([
      'the NOTIFY queue is 88 % full, and changes are seen up to a second late; "report" is most likely holding it up: SELECT pg_terminate_backend(7)',
    ]);
    const [hidden] = alarmsOf(status({}, { ...full, pid: null }));
    expect(hidden).to.match(/: TABLE plantao\.notify_queue$/);
  });

  it('say what keeps a node from its work', () => {
    const full = {
      ...node('node-a', 'active'),
      conditions: 'messages cannot be stored: the disk of PostgreSQL is full',
    };
    expect(alarmsOf(status({ nodes: [full, node('node-b', 'standby')] }))).to.deep.equal([
      'node-a: messages cannot be stored: the disk of PostgreSQL is full',
    ]);
    const kept = { ...node('node-b', 'standby'), conditions: 'no node is active, and this one cannot be promoted' };
    const vacant = { leader: { node: null }, nodes: [kept] } as Partial<StatusReport>;
    expect(alarmsOf(status(vacant))[0]).to.equal('no node is active: writes get 503; the nodes say why');
  });

  it('say that hardly any connection of PostgreSQL is free', () => {
    const [alarm] = alarmsOf(status({}, quiet, { connections: 90 }));
    expect(alarm).to.match(/^90 of the 97 connections of PostgreSQL are taken\. SELECT usename, /);
  });

  it('do not call nodes silent that cannot write their rows', () => {
    const lock = {
      blocks: 'table nodes',
      pid: 7,
      application_name: 'psql',
      ended_by: 'SELECT pg_terminate_backend(7)',
    };
    const nodes = [node('node-a', 'unknown'), node('node-b', 'unknown')];
    expect(alarmsOf(status({ nodes, blocking: [lock as StatusReport['blocking'][number]] }))).to.deep.equal([
      'node-a, node-b: state unknown, because server process 7 has locked plantao.nodes',
      '"psql" blocks table nodes: SELECT pg_terminate_backend(7)',
    ]);
  });

  it('say that commits wait for a standby that is not connected, unless this role cannot see it', () => {
    const waiting = (postgres: object) => alarmsOf(status({}, quiet, { durable: 'replicated', ...postgres }));
    const asynchronous = { standbys: [{ sync_state: 'async' }], senders: 1 };
    for (const lack of [{}, asynchronous]) {
      expect(waiting(lack)).to.deep.equal([
        'commits wait for a synchronous standby, and none is connected: start it, or change synchronous_standby_names',
      ]);
    }
    expect(waiting({ standbys: [{ sync_state: 'quorum' }], senders: 1 })).to.deep.equal([]);
    expect(waiting({ senders: 1 })).to.deep.equal([]);
    expect(alarmsOf(status({}, quiet, asynchronous))).to.deep.equal([]);
  });

  it('say what brings an active node back', () => {
    const vacant = { leader: { node: null } } as Partial<StatusReport>;
    const [alarm] = alarmsOf(status({ ...vacant, nodes: [node('node-a', 'fallen'), node('node-b', 'fallen')] }));
    expect(alarm).to.equal(
      'no node is active: writes get 503; all running nodes are fallen; plantao revive node-a brings that one back',
    );
    const pause = { until: new Date('2026-11-26T08:00:00Z'), reason: null, asked_by: 'dba' } as StatusReport['pause'];
    const paused = (role: NodeStatusRow['role']) =>
      alarmsOf(status({ ...vacant, pause, nodes: [node('node-a', role), node('node-b', 'standby')] }))[1];
    expect(paused('fallen')).to.equal(
      'no node is active: writes get 503; plantao resume ends the pause, and plantao revive node-a brings that node back into service',
    );
    expect(paused('silent')).to.equal('no node is active: writes get 503; plantao resume ends the pause');
  });
});
