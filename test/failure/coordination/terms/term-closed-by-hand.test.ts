import { expect } from 'chai';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { post } from '../../../support/network/http.ts';
import { untilActive } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** Less than a quarter of the lease, after which a heartbeat would find out too. */
const PATIENCE = { within: 12_000 };

describe('A term that a DBA closes or changes while its node is active', function () {
  this.timeout(60_000);
  const { database, sql: dba } = useDatabase();
  let node: LocalNode;

  before(async () => {
    await seedData(database.url);
    const port = String(await freePort());
    node = localNode({ DATABASE_URL: database.url, PORT: port, LEASE_MS: '60000', DB_POOL_SIZE: '3' });
    await node.start();
    await untilActive(node, PATIENCE);
  });
  after(async () => {
    await node?.stop();
  });

  for (const [what, sql] of [
    ['by an UPDATE', 'UPDATE plantao.leader_terms SET ended_at = clock_timestamp() WHERE ended_at IS NULL'],
    ['by a DELETE', 'DELETE FROM plantao.leader_terms WHERE ended_at IS NULL'],
    ['by an UPDATE of its node', "UPDATE plantao.leader_terms SET node = 'other' WHERE ended_at IS NULL"],
  ] as const) {
    it(`is followed by another as soon as a write is refused: ${what}`, async () => {
      const lost = () => node.entries.filter(({ msg }) => msg.startsWith('lost the leader lock: ')).length;
      const before = lost();
      await dba.query(sql);
      const send = () => post(`${node.url}/messages`, { userId: 1, groupId: 1, content: what });
      expect((await send()).status).to.equal(503);
      await eventually('a post is stored', async () => (await send()).status === 200, PATIENCE);
      expect(lost()).to.equal(before + 1);
      // The same through the pool.
      await dba.query(sql);
      const create = () => post(`${node.url}/create-chat`, { groupName: what, creatorId: 1, members: [] });
      expect((await create()).status).to.equal(503);
      await eventually('a group is created', async () => (await create()).status < 300, PATIENCE);
      expect(lost()).to.equal(before + 2);
    });
  }

  // The heartbeat does not read the epochs.
  for (const [what, sql] of [
    ['the epoch of the term', 'UPDATE plantao.leader_terms SET epoch = epoch + 5 WHERE ended_at IS NULL'],
    ['the name of the epoch', "UPDATE plantao.epochs SET epoch = '0123456789ab' WHERE number = plantao.newest_epoch()"],
    ['the row of the epoch', 'DELETE FROM plantao.epochs WHERE number = plantao.newest_epoch()'],
  ] as const) {
    it(`is followed by another as soon as a write is refused, although each heartbeat succeeds: ${what}`, async () => {
      const send = () => post(`${node.url}/messages`, { userId: 1, groupId: 1, content: what });
      await eventually('a post is stored', async () => (await send()).status === 200, PATIENCE);
      await dba.query(sql);
      expect((await send()).status).to.equal(503);
      await eventually('a post is stored', async () => (await send()).status === 200, PATIENCE);
    });
  }
});
