import { expect } from 'chai';
import type { StatusReport } from '../../../src/cli/status/read-status.ts';
import { showStatus } from '../../../src/cli/status/show-status.ts';

const ENDED_BY = `ROLLBACK PREPARED '${'x'.repeat(190)}'`;

const STATUS = {
  cluster: 'c',
  leader: { node: 'node-8080', term: 12, active_for_ms: 1000, lease_age_ms: 10, lease_ms: 2000 },
  pause: null,
  nodes: ['node-8080', 'node-8081'].map((node) => ({
    ...{ node, role: 'active', term: 12, heartbeat_age_ms: 800, url: 'http://localhost:8080', version: '0.1.0' },
    ...{ is_primary: true, behind: 0, waiters: 12, posts_per_second: 40, queued_posts: 0 },
  })),
  blocking: [{ blocks: 'event log', waiting: 1, pid: 7, state: 'prepared', open_for_ms: 1000, ended_by: ENDED_BY }],
  unread: [],
  postgres: {
    version: '17',
    server: null,
    durable: 'local',
    senders: 0,
    connections: 20,
    max_connections: 97,
    standbys: [],
    notify_queue: { hints_are_sent: true },
  },
} as unknown as StatusReport;

describe('showStatus', () => {
  const show = (columns: number) => showStatus(STATUS, { hasColours: false, columns }).split('\n');

  it('leaves out columns of the nodes that a narrow terminal would wrap', () => {
    const nodesAt = (columns: number) => {
      const lines = show(columns);
      const at = lines.findIndex((line) => line.startsWith('node '));
      return lines.slice(at, at + 3);
    };
    expect(nodesAt(200).join('\n')).to.include('version').and.include('preferred').and.include('http://localhost:8080');
    for (const line of nodesAt(70)) expect(line).to.have.length.of.at.most(70);
    expect(nodesAt(70).join('\n')).to.include('waiters').and.not.include('version');
    for (const line of nodesAt(60)) expect(line).to.have.length.of.at.most(60);
    expect(nodesAt(60).join('\n')).to.include('heartbeat').and.include('waiters');
    expect(nodesAt(10)[0]).to.match(/^node +role +term +heartbeat$/);
  });

  it('shows the whole statement that ends a session', () => {
    expect(show(60).filter((line) => line.endsWith(ENDED_BY))).to.have.length(2);
  });
});
