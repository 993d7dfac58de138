import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { startCluster } from '../../../support/nodes/node-process.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('Two nodes with IS_ACTIVE=true that start together on an empty database', () => {
  const { database, sql: client } = useDatabase({ empty: true });

  it('migrate it once, and one of them becomes active', async function () {
    this.timeout(120_000);
    const cluster = await startCluster({ databaseUrl: database.url, env: { IS_ACTIVE: 'true' } });
    try {
      await eventually('one of them is active', () => cluster.nodes.some((node) => node.events('promoted').length > 0));
      const migrating = cluster.nodes.filter(({ lines }) => lines.some((line) => line.includes('applied migration')));
      expect(migrating, 'one of them has migrated').to.have.length(1);
      const { rows } = await client.query('SELECT count(*)::int AS terms FROM plantao.leader_terms');
      expect(rows).to.deep.equal([{ terms: 1 }]);
      const roles = await Promise.all(cluster.nodes.map(async ({ url }) => (await get(`${url}/health`)).body.role));
      expect(roles).to.have.members(['active', 'standby']);
    } finally {
      await cluster.stop();
    }
  });
});
