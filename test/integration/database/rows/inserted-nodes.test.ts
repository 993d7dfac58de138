import { expect } from 'chai';
import pg from 'pg';
import { pino } from 'pino';
import { MAX_PEERS, NodeRegistry, type OwnNodeRow } from '../../../../src/coordination/peers/node-registry.ts';
import { closeSequelize, openSequelize } from '../../../../src/database/pool/sequelize.ts';
import { eventually } from '../../../support/eventually.ts';
import { createDatabase } from '../../../support/postgres/postgres.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const ROW: OwnNodeRow = {
  node: 'node-a',
  cluster: null,
  url: 'http://127.0.0.1:9',
  pid: 1,
  version: '0',
  role: 'standby',
  isPreferred: false,
  term: null,
  position: 0,
  waiters: 0,
  queuedPosts: 0,
  conditions: null,
  startedAt: new Date(),
  postsPerSecond: 0,
  commitMs: null,
  deliveryMs: null,
};

/** Runs `work` with a registry on a database of its own. */
async function withRegistry(work: (registry: NodeRegistry, client: pg.Client) => Promise<void>): Promise<void> {
  const database = await createDatabase();
  const client = new pg.Client(database.url);
  const sequelize = openSequelize(database.url, 'test', 1);
  try {
    await client.connect();
    await work(new NodeRegistry(sequelize, pino({ level: 'silent' })), client);
  } finally {
    await closeSequelize(sequelize);
    await client.end();
    await database.drop();
  }
}

describe('Thousands of rows that were inserted into plantao.nodes', () => {
  const { database, sql: client } = useDatabase();

  for (const [what, heartbeat] of [
    ['a minute ago', "clock_timestamp() - interval '1 minute'"],
    ['in a minute', "clock_timestamp() + interval '1 minute'"],
    ['in the year 9999', "'9999-01-01'"],
  ]) {
    it(`with a heartbeat ${what} become a bounded number of peers, and hide no peer that writes its row`, async () => {
      const sequelize = openSequelize(database.url, 'test', 1);
      try {
        const registry = new NodeRegistry(sequelize, pino({ level: 'silent' }));
        await client.query(`
          INSERT INTO plantao.nodes (node, url, pid, version, role, started_at, heartbeat_at)
          SELECT 'inserted-' || n, 'http://127.0.0.1:9', 1, '0', 'standby', now(), ${heartbeat} FROM generate_series(1, 2000) n`);
        await registry.write({ ...ROW, node: 'node-b' });
        await registry.write(ROW);
        const { peers } = await registry.write(ROW);
        expect(peers).to.have.length(MAX_PEERS);
        expect(peers.map(({ node }) => node)).to.include('node-b');
      } finally {
        await client.query('DELETE FROM plantao.nodes');
        await closeSequelize(sequelize);
      }
    });
  }
});

describe('A hundred thousand rows of nodes, half of them old enough to be removed,', function () {
  this.timeout(60_000);

  it('delay neither a promotion nor the heartbeats of nodes, and the old ones are removed', () =>
    withRegistry(async (registry, client) => {
      await client.query(`
      INSERT INTO plantao.nodes (node, url, pid, version, role, started_at, heartbeat_at)
      SELECT 'inserted-' || n, 'http://127.0.0.1:9', 1, '0', 'standby', now(), clock_timestamp() - n % 2 * interval '8 days'
      FROM generate_series(1, 100000) n`);
      await client.query('SELECT pg_advisory_lock(1347178068, 1)');
      const { rows } = await client.query("SELECT plantao.open_term('node-a', 'http://127.0.0.1:9', 'a test') AS term");
      await registry.write(ROW);
      const { peers } = await registry.write(ROW);
      expect(peers).to.have.length(MAX_PEERS);
      const step = () => client.query('SELECT plantao.remove_silent_nodes($1, 30000) AS removed', [rows[0].term]);
      for (const removed of [30_000, 20_000, 0]) expect((await step()).rows).to.deep.equal([{ removed }]);
    }));
});

describe('The row of a node', () => {
  it('is written without waiting for a synchronous standby, also if no row is read', () =>
    withRegistry(async (registry, client) => {
      await client.query(`
      CREATE TABLE public.commits (waits_for text);
      CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE ON plantao.nodes DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.note_commit();`);
      // The statement reads the rows as they were before it: the first finds none.
      for (let times = 0; times < 2; times++) await registry.write(ROW);
      const { rows } = await client.query('SELECT waits_for FROM public.commits');
      expect(rows).to.deep.equal([{ waits_for: 'local' }, { waits_for: 'local' }]);
    }));

  it("has the time at which it was sent as that of its node's last activity, even if a lock or a stalled server delays it", () =>
    withRegistry(async (registry, client) => {
      const active: OwnNodeRow = { ...ROW, role: 'active', term: 1 };
      for (let times = 0; times < 2; times++) await registry.write(active);
      await client.query('BEGIN; LOCK TABLE plantao.nodes');
      const written = registry.write(active);
      await eventually('the row waits', async () => {
        const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        return (await client.query(waiting)).rowCount === 1;
      });
      const { rows } = await client.query<{ sent: Date }>('SELECT clock_timestamp() AS sent');
      await client.query('COMMIT');
      await written;
      const { rows: stored } = await client.query<{ active_at: Date }>('SELECT active_at FROM plantao.nodes');
      expect(stored[0]?.active_at).to.be.at.most(rows[0]?.sent as Date);
    }));
});
