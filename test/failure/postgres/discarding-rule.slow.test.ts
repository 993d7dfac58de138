import { expect } from 'chai';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('A rule that discards rows', function () {
  this.timeout(60_000);
  const { database, sql: dba } = useDatabase();
  let node: LocalNode;

  before(async () => {
    await seedData(database.url);
    node = localNode({
      DATABASE_URL: database.url,
      PORT: String(await freePort()),
      LEASE_MS: '6000',
      DB_POOL_SIZE: '4',
    });
    await node.start();
    await untilActive(node);
    await dba.query("INSERT INTO plantao.users (id, username) VALUES (100, 'caio')");
  });
  after(async () => {
    await node?.stop();
  });

  const REQUESTS: [table: string, path: string, body: JsonObject][] = [
    ['messages', '/messages', { userId: 1, groupId: 1, content: 'hello' }],
    ['events', '/messages', { userId: 1, groupId: 1, content: 'hello' }],
    ['memberships', '/group-users', { groupId: 1, userId: 100 }],
  ];
  for (const [table, path, body] of REQUESTS) {
    it(`makes the node refuse what needs plantao.${table}, until it is dropped`, async () => {
      const send = () => post(`${node.url}${path}`, body, { deadline: 15_000 });
      await dba.query(`CREATE RULE discard AS ON INSERT TO plantao.${table} DO INSTEAD NOTHING`);
      expect((await send()).body.code).to.equal('database_refused');
      expect((await send()).body.code).to.equal('database_refused');
      if (path === '/messages') {
        const isReady = async () => (await get(`${node.url}/readiness`)).status === 200;
        await eventually('it is not ready', async () => !(await isReady()));
        // Even while no post fails: a probe finds out what a post would get.
        await always('it stays so', async () => !(await isReady()), {
          forMs: 3000,
        });
      }
      await dba.query(`DROP RULE discard ON plantao.${table}`);
      await eventually('it is stored again', async () => (await send()).status < 300, { within: 10_000 });
      await eventually('it is ready', async () => (await get(`${node.url}/readiness`)).status === 200, {
        within: 10_000,
      });
    });
  }
});
