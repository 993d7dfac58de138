import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { get, post } from '../../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../../support/postgres/postgres.ts';

const LEASE_MS = 2000;
const HOLD_MS = 2 * LEASE_MS;

describe('A system catalog that a DBA has locked', function () {
  this.timeout(60_000);
  let postgres: OwnPostgres;
  let nodes: TwoNodes;
  let dba: pg.Client;

  before(async () => {
    postgres = await startPostgresOfItsOwn();
    await seedData(postgres.url);
    nodes = await startTwoNodes(postgres.url, { LEASE_MS: String(LEASE_MS) });
    dba = new pg.Client({ connectionString: postgres.url, application_name: 'a DBA' });
    await dba.connect();
  });
  after(async () => {
    await dba?.end();
    await nodes?.stop();
    await postgres?.remove();
  });

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
