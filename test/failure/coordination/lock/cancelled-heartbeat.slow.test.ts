import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('A heartbeat that a DBA cancels', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let nodes: TwoNodes;
  let psql: pg.Client;

  before(async () => {
    await seedData(database.url);
    // Long, so that the heartbeat waits for the lock without losing the lease.
    nodes = await startTwoNodes(database.url, { LEASE_MS: '20000' });
    psql = new pg.Client(database.url);
    await psql.connect();
  });
  after(async () => {
    await psql?.end();
    await nodes?.stop();
  });

  it('does not cost the active node its role: the session still holds the lock', async () => {
    const term = async () => (await get(`${nodes.active.url}/health`)).body.term;
    const before = await term();
    const lockSession = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'plantao:${nodes.active.name}:lock'`;
    const isWaiting = async () =>
      (await sql.query(`SELECT ${lockSession} AND wait_event_type = 'Lock'`)).rowCount === 1;
    await psql.query('BEGIN; LOCK TABLE plantao.leader_terms');
    await eventually('the heartbeat waits', isWaiting, { within: 20_000 });
    await sql.query(`SELECT pg_cancel_backend(pid) ${lockSession}`);
    await eventually('it is repeated', isWaiting);
    await psql.query('ROLLBACK');
    await eventually('it is confirmed', async () => !(await isWaiting()));
    expect(await term()).to.equal(before);
    expect(nodes.active.entries.filter(({ event }) => event === 'demoted')).to.deep.equal([]);
  });
});
