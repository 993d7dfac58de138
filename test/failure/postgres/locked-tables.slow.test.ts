import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
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

/** Requests that wait for a connection of the pool longer than its queue allows are refused as overloaded. */
function expectBlocked(codes: unknown[]): void {
  for (const code of codes) expect(['blocked', 'overloaded']).to.include(code);
  expect(codes).to.include('blocked');
}

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
      expectBlocked(codes);
    });
  }

  /** Tables that some posts need, with the lock of CREATE INDEX or VACUUM FULL, and whether a key makes a post need it; a hook's post otherwise. */
  const NEEDED: [table: string, mode: string, isKeyed: boolean][] = [
    ['idempotency_keys', 'SHARE', true],
    ['idempotency_keys', 'ACCESS EXCLUSIVE', true],
    ['hooks', 'ACCESS EXCLUSIVE', false],
  ];
  for (const [table, mode, isKeyed] of NEEDED) {
    it(`refuses posts that need it, and no other: plantao.${table} in ${mode} mode`, async () => {
      const { url } = nodes.active;
      const hook = (await post(`${url}/hooks`, { groupId: 1, userId: 1, name: 'Backup' })).body.token;
      await dba.query(`BEGIN; LOCK TABLE plantao.${table} IN ${mode} MODE`);
      const until = performance.now() + HOLD_MS;
      const path = isKeyed ? '/messages' : `/hooks/${hook}`;
      const needing = Array.from({ length: CONCURRENCY }, async (_, client) => {
        const codes = [];
        for (let n = 0; performance.now() < until; n++) {
          const headers: Record<string, string> = isKeyed
            ? { 'idempotency-key': `${mode.slice(0, 3)}-${client}-${n}` }
            : {};
          const message = { userId: 1, groupId: 1, content: 'needs it' };
          codes.push((await post(`${url}${path}`, message, { headers, deadline: 15_000 })).body.code);
        }
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
      expectBlocked(codes);
      expect((await get(`${url}/readiness`)).status).to.equal(200);
    });
  }
});
