import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { FakePeer } from '../../../support/nodes/fake-peer.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type Coordinator, startCoordinator } from '../coordinator.ts';

describe('An active node that cannot reach the database to write', () => {
  const { database } = useDatabase();
  let peer: FakePeer;
  let active: Coordinator;

  before(async () => {
    peer = await FakePeer.start({ status: 'alive', active: false, node: 'peer', term: null });
  });
  afterEach(async () => {
    await active?.stop();
  });
  after(async () => {
    await peer?.stop();
  });

  it('resigns after seconds, however long its lease is', async () => {
    const writing = { opened: async () => undefined, unreachableForMs: 0 };
    active = await startCoordinator({
      ...{ databaseUrl: database.url, node: 'node-a', leaseMs: 60_000, writing, peerUrls: [peer.url] },
    });
    await eventually('it is active and knows its peer', () => active.sync.isActive && active.peers.living.length === 1);
    writing.unreachableForMs = 6000;
    await eventually('it has resigned', () => active.entries.some(({ msg }) => msg.startsWith('resigned: ')));
    expect(active.entries.map(({ msg }) => msg)).to.include('resigned: cannot reach the database to write');
  });
});
