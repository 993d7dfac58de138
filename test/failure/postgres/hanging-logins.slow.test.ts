import { expect } from 'chai';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

/** Ten sessions of each node hang before any is known to hang, and three trials of each of its threads follow. */
const MAX_BACKENDS = 40;

describe('While logins hang in PostgreSQL, two nodes', () => {
  // The outage is logged as errors.
  const nodes = useTwoNodes({}, { server: {}, mayLogErrors: true });
  const dba = nodes.sql;

  const backends = async () => {
    await dba.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await dba.query<{ count: number }>(
      "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE backend_type = 'client backend'",
    );
    return rows[0]?.count ?? 0;
  };
  const isStored = async () => {
    const message = { userId: 1, groupId: 1, content: 'after the lock' };
    const responses = await Promise.all(
      [nodes.active, nodes.standby].map(({ url }) => post(`${url}/messages`, message)),
    );
    return responses.some(({ status }) => status === 200);
  };

  it('leave few server processes behind, and recover as soon as logins succeed', async function () {
    this.timeout(120_000);
    await eventually('a message is stored', isStored, { within: 20_000 });
    const counts: number[] = [];
    await dba.query('BEGIN; LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE');
    await dba.query(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'plantao:%'",
    );
    await always(
      'few server processes hang',
      async () => {
        // Requests open the sessions of the pool.
        for (const { url } of [nodes.active, nodes.standby]) void get(`${url}/users`).catch(() => {});
        counts.push(await backends());
        return true;
      },
      { forMs: 22_000, every: 500 },
    );
    await dba.query('ROLLBACK');
    await eventually('a message is stored again', isStored, { within: 10_000 });
    expect(Math.max(...counts), `server processes each half second: ${counts.join(' ')}`).to.be.below(MAX_BACKENDS);
  });
});
