import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';

describe('A heartbeat that a DBA cancels', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let nodes: TwoNodes;
  let dba: pg.Client;
  let psql: pg.Client;

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
    // Long, so that the heartbeat waits for the lock without losing the lease.
    nodes = await startTwoNodes(database.url, { LEASE_MS: '20000' });
    [dba, psql] = [new pg.Client(database.url), new pg.Client(database.url)];
    await dba.connect();
    await psql.connect();
  });
  after(async () => {
    await psql?.end();
    await dba?.end();
    await nodes?.stop();
    await database?.drop();
  });

  it('does not cost the active node its role: the session still holds the lock', async () => {
    const term = async () => (await get(`${nodes.active.url}/health`)).body.term;
    const before = await term();
    const lockSession = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'plantao:${nodes.active.name}:lock'`;
    const isWaiting = async () =>
      (await dba.query(`SELECT ${lockSession} AND wait_event_type = 'Lock'`)).rowCount === 1;
    await psql.query('BEGIN; LOCK TABLE plantao.leader_terms');
    await eventually('the heartbeat waits', isWaiting, { within: 20_000 });
    await dba.query(`SELECT pg_cancel_backend(pid) ${lockSession}`);
    await eventually('it is repeated', isWaiting);
    await psql.query('ROLLBACK');
    await eventually('it is confirmed', async () => !(await isWaiting()));
    expect(await term()).to.equal(before);
    expect(nodes.active.entries.filter(({ event }) => event === 'demoted')).to.deep.equal([]);
  });
});
