import { expect } from 'chai';
import pg from 'pg';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { get } from '../../support/network/http.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Aftermath, Scene } from '../scene.ts';

const LEASE_MS = 1000;
/** The time of a restart, on two busy cores, with the nodes' own backoff. */
const SLACK_MS = 4000;
/** The maximum number of lines that a node may log about one outage: ten events, and the start and end of three conditions. */
const MAX_LINES = 18;

describe('The service', () => {
  let postgres: OwnPostgres;
  let scene: Scene;

  before(async function () {
    this.timeout(120_000);
    postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=60'] });
    scene = await Scene.open({ databaseUrl: postgres.url, leaseMs: LEASE_MS });
  });
  beforeEach(async () => scene.untilSettled());
  after(async function () {
    this.timeout(60_000);
    await scene.close();
    await postgres.remove();
  });

  const expectShortLog = ({ logOf }: Aftermath) => {
    for (const node of scene.nodes) {
      const lines = logOf(node).map(({ msg }) => msg);
      expect(lines, lines.join('\n')).to.have.length.below(MAX_LINES);
    }
  };

  for (const how of ['fast', 'immediate'] as const) {
    it(`recovers by itself from a restart of PostgreSQL (${how})`, async function () {
      this.timeout(60_000);
      let downMs = 0;
      const aftermath = await scene.broken(async () => {
        const startedAt = performance.now();
        await postgres.restart(how);
        downMs = performance.now() - startedAt;
      });
      expect(aftermath.gap.ms).to.be.below(downMs + SLACK_MS);
      expectShortLog(aftermath);
    });
  }

  const healthOfAll = () => Promise.all(scene.nodes.map((node) => scene.health(node)));
  const isNoneActive = async () => (await healthOfAll()).every((health) => health?.active === false);
  const untilNoneActive = () => eventually('no node is active', isNoneActive, { within: 2 * LEASE_MS + SLACK_MS });

  it('has no active node and refuses writes while PostgreSQL is down, and recovers by itself', async function () {
    this.timeout(60_000);
    const aftermath = await scene.broken(async () => {
      await postgres.stop();
      await untilNoneActive();
      for (const node of scene.nodes) {
        expect((await get(`${node.url}/health`)).body).to.include({ status: 'alive', active: false });
        expect((await get(`${node.url}/readiness`)).status).to.equal(503);
        // A standby names the node that was active until its next probe of it.
        await eventually('it names no active node', async () => (await scene.post(node)).body.active_url === null);
        expect((await scene.post(node)).body).to.include({ code: 'not_active', active_url: null });
      }
      await postgres.start();
    });
    expectShortLog(aftermath);
  });

  it('has no active node after the lease while PostgreSQL is frozen (SIGSTOP), and one when it continues', async function () {
    this.timeout(60_000);
    const aftermath = await scene.broken(async () => {
      await postgres.freeze();
      await untilNoneActive();
      // For longer than the lease, after which PostgreSQL ends the session of the lock.
      await always('no node is active', isNoneActive, { forMs: 1.5 * LEASE_MS });
      await postgres.thaw();
    });
    expectShortLog(aftermath);
  });

  it('keeps its active node while max_connections is exhausted, and recovers from a lost lock session once there is room', async function () {
    this.timeout(60_000);
    const crowd: pg.Client[] = [];
    const fill = async () => {
      for (;;) {
        const client = new pg.Client({ connectionString: postgres.url, application_name: 'crowd' });
        client.on('error', () => undefined);
        try {
          await client.connect();
        } catch {
          return;
        }
        crowd.push(client);
      }
    };
    const leave = () => Promise.all(crowd.splice(0).map((client) => client.end()));
    try {
      await scene.broken(fill, { keepsTerm: true, mend: () => undefined });
      await scene.broken(async () => {
        await scene.sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
        await always('both nodes respond', async () => (await healthOfAll()).every(Boolean), { forMs: LEASE_MS });
        await leave();
      });
    } finally {
      await leave();
    }
  });

  it('refuses writes and serves reads without a change of role while the disk is full (SQLSTATE 53100), and recovers by itself', async function () {
    this.timeout(60_000);
    await scene.sql(`CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    const active = await scene.active();
    const aftermath = await scene.broken(
      async () => {
        await scene.sql('CREATE TRIGGER full_disk BEFORE INSERT ON plantao.messages EXECUTE FUNCTION fill()');
        const refused = await scene.post(active);
        expect(refused.status).to.equal(503);
        expect(refused.body).to.deep.equal({
          error: "the database's disk is full: nothing was stored, try again",
          code: 'unavailable',
        });
        expect((await get(`${active.url}/messages?groupId=${scene.ids.groupId}`)).status).to.equal(200);
        await scene.sql('DROP TRIGGER full_disk ON plantao.messages');
      },
      { keepsTerm: true },
    );
    expect(await scene.active()).to.equal(active);
    expectShortLog(aftermath);
  });
});
