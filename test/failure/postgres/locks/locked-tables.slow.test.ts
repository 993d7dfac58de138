import { expect } from 'chai';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Longer than a write waits for a lock. */
const HOLD_MS = 5000;
/** Requests at once that need the locked table: as many as the pool has connections. */
const CONCURRENCY = 8;

const MESSAGE = { userId: 1, groupId: 1, content: 'needs it' };

/** Tables that posting does not need, each locked as VACUUM FULL locks it, with a request that does need it. */
const LOCKED: [table: string, path: string, body: JsonObject][] = [
  ['reactions', '/reactions', { userId: 1, messageId: 1, emoji: '👍' }],
  ['departures', '/group-users', { groupId: 1, userId: 100 }],
];

describe('A table that a DBA has locked', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes();
  const dba = nodes.sql;
  before(() => dba.query("INSERT INTO plantao.users (id, username) VALUES (100, 'caio')"));

  /** Locks a table while clients send `needing` and one posts messages. Expects that all of the former are refused, and no post. */
  async function expectOnlyBlocked(
    lock: string,
    needing: (key: string) => Promise<{ body: JsonObject }>,
  ): Promise<void> {
    const keys = lock.replaceAll(' ', '-');
    await dba.query(`BEGIN; LOCK TABLE ${lock}`);
    const until = performance.now() + HOLD_MS;
    const clients = Array.from({ length: CONCURRENCY }, async (_, client) => {
      const codes: unknown[] = [];
      for (let n = 0; performance.now() < until; n++) codes.push((await needing(`${keys}-${client}-${n}`)).body.code);
      return codes;
    });
    const posts: unknown[] = [];
    while (performance.now() < until) {
      const { status, body } = await post(`${nodes.active.url}/messages`, { ...MESSAGE, content: 'goes on' });
      posts.push(body.code ?? status);
    }
    const codes = (await Promise.all(clients)).flat();
    await dba.query('ROLLBACK');
    expect(new Set(posts)).to.deep.equal(new Set([200]));
    // Requests that wait for a connection of the pool longer than its queue allows are refused as overloaded.
    for (const code of codes) expect(['blocked', 'overloaded']).to.include(code);
    expect(codes).to.include('blocked');
  }

  for (const [table, path, body] of LOCKED) {
    it(`fails only requests that need it, and no post: plantao.${table}`, async () => {
      const url = `${nodes.active.url}${path}`;
      await expectOnlyBlocked(`plantao.${table}`, () => post(url, body, { deadline: 15_000 }));
    });
  }

  for (const mode of ['SHARE', 'ACCESS EXCLUSIVE']) {
    it(`refuses posts with a key, and no other: plantao.idempotency_keys in ${mode} mode`, async () => {
      const { url } = nodes.active;
      await expectOnlyBlocked(`plantao.idempotency_keys IN ${mode} MODE`, (key) =>
        post(`${url}/messages`, MESSAGE, { headers: { 'idempotency-key': key }, deadline: 15_000 }),
      );
      expect((await get(`${url}/readiness`)).status).to.equal(200);
    });
  }

  it('refuses posts of hooks, and no other: plantao.hooks', async () => {
    const { url } = nodes.active;
    const hook = (await post(`${url}/hooks`, { groupId: 1, userId: 1, name: 'Backup' })).body.token;
    await expectOnlyBlocked('plantao.hooks', () =>
      post(`${url}/hooks/${hook}`, { content: 'needs it' }, { deadline: 15_000 }),
    );
    expect((await get(`${url}/readiness`)).status).to.equal(200);
  });
});
