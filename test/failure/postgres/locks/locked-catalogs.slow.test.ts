import { expect } from 'chai';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const LEASE_MS = 2000;
const HOLD_MS = 2 * LEASE_MS;

describe('A system catalog that a DBA has locked', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes({ LEASE_MS: String(LEASE_MS) }, { server: {} });
  const dba = nodes.sql;

  // Those that a view of sessions, locks or settings reads.
  it('neither costs the active node its role nor stops posts', async () => {
    const { url } = nodes.active;
    const term = (await get(`${url}/health`)).body.term;
    await dba.query('BEGIN; LOCK TABLE pg_authid, pg_auth_members, pg_database, pg_db_role_setting, pg_tablespace');
    const until = performance.now() + HOLD_MS;
    const posts: unknown[] = [];
    while (performance.now() < until) {
      const { status, body } = await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'goes on' });
      posts.push(body.code ?? status);
    }
    await dba.query('ROLLBACK');
    expect(new Set(posts)).to.deep.equal(new Set([200]));
    expect((await get(`${url}/health`)).body).to.include({ role: 'active', term });
  });
});
