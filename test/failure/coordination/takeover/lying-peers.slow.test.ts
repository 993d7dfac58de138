import { expect } from 'chai';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakePeer } from '../../../support/nodes/fake-peer.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type Coordinator, useCoordinators } from '../coordinator.ts';

const LEASE_MS = 600;

describe('The health response of a peer', () => {
  const { database } = useDatabase();
  const { start } = useCoordinators(() => database.url, LEASE_MS);
  const liars: FakePeer[] = [];

  afterEach(async () => {
    for (const liar of liars.splice(0)) await liar.stop();
  });

  const lie = async (says: FakePeer['says']) => {
    const liar = await FakePeer.start(says);
    liars.push(liar);
    return liar;
  };
  /** Checks all the time, for two leases, that the two nodes are never active together. */
  const neverTwo = (one: Coordinator, other: Coordinator) => {
    const atMostOne = () => !(one.sync.isActive && other.sync.isActive);
    return always('at most one node is active', atMostOne, { forMs: 2 * LEASE_MS, every: 3 });
  };

  it('keeps no node from the lock if it claims to be active without the lock', async () => {
    const liar = await lie({ status: 'alive', active: true, node: 'liar', term: 999_999 });
    const a = await start('node-a', { isActive: false, peerUrls: [liar.url] });
    await eventually('it is active all the same', () => a.sync.isActive);
    expect(liar.asked).to.be.above(0);
  });

  it('makes no second active node if it denies that the active one is active', async () => {
    const a = await start('node-a');
    await eventually('it is active', () => a.sync.isActive);
    const liar = await lie({ status: 'alive', active: false, node: 'node-a', term: 0 });
    const b = await start('node-b', { peerUrls: [liar.url] });
    const term = a.term;
    await neverTwo(a, b);
    expect(a.term).to.equal(term);
    expect(b.entries.some(({ event }) => event === 'promoted')).to.equal(false);
  });

  it('makes no second active node if none arrives while the active one lives', async () => {
    const a = await start('node-a');
    await eventually('it is active', () => a.sync.isActive);
    const liar = await lie({ status: 'alive', active: true, node: 'node-a', term: a.term });
    const b = await start('node-b', { peerUrls: [liar.url] });
    await eventually('the second has observed it', () => b.peers.active?.node === 'node-a');
    const term = a.term;
    liar.says = null;
    liar.hangUp();
    await neverTwo(a, b);
    expect(a.term).to.equal(term);
  });

  it('does not count if it is not valid JSON', async () => {
    const liar = await lie('<html>{"active":true}');
    const a = await start('node-a', { isActive: false, peerUrls: [liar.url] });
    await eventually('it is active', () => a.sync.isActive);
  });
});
