import { expect } from 'chai';
import pg from 'pg';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type Coordinator, startCoordinator } from '../coordinator.ts';

const LEASE_MS = 600;
const TAKE = 'SELECT pg_advisory_lock(1347178068, 1)';

describe('A silent holder of the leader lock', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase({ each: true });
  const clients: pg.Client[] = [];
  const candidates: Coordinator[] = [];

  afterEach(async () => {
    for (const candidate of candidates.splice(0)) await candidate.stop();
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
  });

  /** Opens a session that takes the lock and that PostgreSQL itself never ends, as if its clock had been set back. */
  async function holder(application_name: string) {
    const client = new pg.Client({ connectionString: database.url, application_name });
    const held = { client, isEnded: false };
    client.on('error', () => {
      held.isEnded = true;
    });
    await client.connect();
    clients.push(client);
    await client.query(TAKE);
    return held;
  }
  async function candidate(node: string): Promise<Coordinator> {
    const started = await startCoordinator({ databaseUrl: database.url, node, leaseMs: LEASE_MS });
    candidates.push(started);
    return started;
  }
  const said = ({ entries }: Coordinator, sentence: RegExp) => entries.filter(({ msg }) => sentence.test(msg));

  it('is ended by a candidate after three leases without a sign of life, which is logged once', async () => {
    const ghost = await holder('plantao:ghost:lock');
    const startedAt = performance.now();
    const both = [await candidate('node-a'), await candidate('node-b')];
    await eventually('one of them is active', () => both.some(({ sync }) => sync.isActive), { within: 20_000 });
    expect(performance.now() - startedAt).to.be.above(3 * LEASE_MS);
    await eventually('the session is ended', () => ghost.isEnded);
    const ended = both.flatMap((one) => said(one, /^ended plantao:ghost:lock \(server process \d+, .*three leases/));
    expect(ended).to.have.length(1);
  });

  it('is not ended while it gives signs of life, however long no node is seen active', async () => {
    const living = await holder('plantao:ghost:lock');
    const one = await candidate('node-a');
    const isLeftAlone = async () => {
      await living.client.query('SELECT 1');
      return !living.isEnded && !one.sync.isActive;
    };
    await always('the holder is left alone', isLeftAlone, { forMs: 8 * LEASE_MS, every: LEASE_MS / 4 });
  });

  it("is not ended before three of its own leases if these are longer than the candidate's", async () => {
    const slow = await holder('plantao:ghost:lock');
    await slow.client.query("SET idle_session_timeout = '1h'");
    await slow.client.query("SELECT plantao.open_term('ghost', 'http://ghost', 'test')");
    const one = await candidate('node-a');
    await eventually('it is logged', () => said(one, /^no node is seen active, but plantao:ghost:lock/).length > 0);
    const sightings = performance.now();
    await eventually('five leases have passed', () => performance.now() - sightings > 5 * LEASE_MS);
    expect(slow.isEnded).to.equal(false);
  });

  it('is logged and never ended if it is not a node', async () => {
    const stranger = await holder('psql');
    const one = await candidate('node-a');
    const named = /but psql \(server process \d+, .*holds the leader lock\. To end it: SELECT pg_terminate_backend/;
    await eventually('it is logged', () => said(one, named).length > 0);
    const sightings = performance.now();
    await eventually('six leases have passed', () => performance.now() - sightings > 6 * LEASE_MS);
    expect(stranger.isEnded).to.equal(false);
    await eventually('the view names it', async () => {
      const found = await sql.query('SELECT blocks, application_name FROM plantao.blocking');
      return found.rows.some(({ blocks, application_name }) => blocks === 'leader lock' && application_name === 'psql');
    });
  });
});
