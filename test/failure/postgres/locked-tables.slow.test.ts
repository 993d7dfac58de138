import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { type JsonObject, post } from '../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

/** Longer than a write waits for a lock. */
const HOLD_MS = 5000;
/** Requests at once that need the locked table: as many as the pool has connections. */
const CONCURRENCY = 8;

/** Tables that posting does not need, each locked as VACUUM FULL locks it, with a request that does need it. */
const LOCKED: [table: string, path: string, body: JsonObject][] = [
  ['reactions', '/reactions', { userId: 1, messageId: 1, emoji: '👍' }],
  ['departures', '/group-users', { groupId: 1, userId: 100 }],
];

describe('A table that a DBA has locked', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let nodes: TwoNodes;
  let dba: pg.Client;

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
    nodes = await startTwoNodes(database.url);
    dba = new pg.Client({ connectionString: database.url, application_name: 'a DBA' });
    await dba.connect();
    await dba.query("INSERT INTO plantao.users (id, username) VALUES (100, 'caio')");
  });
  after(async () => {
    await dba?.end();
    await nodes?.stop();
    await database?.drop();
  });

  for (const [table, path, body] of LOCKED) {
    it(`refuses what needs it and no post: plantao.${table}`, async () => {
      const { url } = nodes.active;
      await dba.query(`BEGIN; LOCK TABLE plantao.${table}`);
      const until = performance.now() + HOLD_MS;
      const needing = Array.from({ length: CONCURRENCY }, async () => {
        const codes = [];
        while (performance.now() < until)
          codes.push((await post(`${url}${path}`, body, { deadline: 15_000 })).body.code);
        return codes;
      });
      const posts: unknown[] = [];
      while (performance.now() < until) {
        const { status, body } = await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'goes on' });
        posts.push(body.code ?? status);
      }
      const codes = (await Promise.all(needing)).flat();
      await dba.query('ROLLBACK');
      expect(new Set(posts)).to.deep.equal(new Set([200]));
      expect(new Set(codes)).to.deep.equal(new Set(['blocked']));
    });
  }
});
