import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { lockWaits } from '../../../support/postgres/lock-waits.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type Coordinator, localLock, PROMOTION, RESIGNATION, useCoordinators } from '../coordinator.ts';

const LEASE_MS = 600;

describe('The leader lock', () => {
  const { database, sql: psql } = useDatabase();
  const { running, start } = useCoordinators(() => database.url, LEASE_MS);

  afterEach(async () => {
    await psql.query('ROLLBACK');
  });

  const active = () => running.filter(({ sync }) => sync.isActive);
  /** Starts two nodes; the first is active. */
  const startTwo = async (): Promise<[Coordinator, Coordinator]> => {
    const a = await start('node-a');
    await eventually('the first is active', () => a.sync.isActive);
    return [a, await start('node-b', { isActive: false })];
  };
  const query = psql.rows;
  const said = (one: Coordinator, text: RegExp) => one.entries.some(({ msg }) => text.test(msg));

  it('is lost at once when a DBA terminates its session, and one node is active again', async () => {
    const [a] = await startTwo();
    const term = a.sync.leader?.term ?? 0;
    await query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually('the loss is noticed at once', () => a.lost.length > 0, { within: LEASE_MS / 4, every: 1 });
    await eventually('one is active again', () => active().length === 1 && (active()[0]?.term ?? 0) > term);
    expect(said(a, /^lost the leader lock: terminating connection due to administrator command/)).to.equal(true);
  });

  it('is lost when its session gives it up unnoticed (pg_advisory_unlock_all), and only its successor is active', async () => {
    const [a, b] = await startTwo();
    await a.onSession('SELECT pg_advisory_unlock_all()');
    await eventually('a node has it again', async () => (await query('SELECT FROM plantao.lock_holder')).length === 1);
    await eventually('the first one knows', () => a.lost.length === 1, { within: LEASE_MS });
    await eventually('one is active', () => active().length === 1);
    expect(said(a, /^lost the leader lock: its session no longer holds the lock/)).to.equal(true);
    expect(b.entries.filter(({ event }) => event === 'promoted').length).to.be.at.most(1);
  });

  it('is taken again by a node without peers whose session gave it up unnoticed', async () => {
    const a = await start('node-a');
    await eventually('it is active', () => a.sync.isActive);
    const term = a.term ?? 0;
    await a.onSession('SELECT pg_advisory_unlock_all()');
    await eventually('another term begins', () => (a.term ?? 0) > term);
  });

  it('is lost when a DBA closes its term, and another term begins', async () => {
    const a = await start('node-a');
    await eventually('it is active', () => a.sync.isActive);
    const term = a.term ?? 0;
    await query("UPDATE plantao.leader_terms SET ended_at = now(), end_reason = 'by hand' WHERE ended_at IS NULL");
    await eventually('another term begins', () => (a.term ?? 0) > term);
  });

  for (const [when, table, renews] of [
    ['by the insert of the term', 'leader_terms', false],
    ['between its heartbeats', null, true],
  ] as const) {
    it(`is lost after a lease without a heartbeat although idle_session_timeout was set ${when}`, async () => {
      const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS });
      const b = localLock({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS });
      if (table) {
        await query(`CREATE FUNCTION public.forever() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN PERFORM set_config('idle_session_timeout', '0', false); RETURN NEW; END$$`);
        await query(
          `CREATE TRIGGER zz AFTER INSERT ON plantao.${table} FOR EACH ROW EXECUTE FUNCTION public.forever()`,
        );
      }
      try {
        expect(await a.lock.tryAcquire(PROMOTION)).not.to.equal(null);
      } finally {
        if (table) await query('DROP FUNCTION public.forever CASCADE');
      }
      if (renews) {
        await a.onSession('SET idle_session_timeout = 0');
        expect(await a.lock.renew()).to.equal(true);
      }
      await eventually('the other gets it', () => b.lock.tryAcquire(PROMOTION), { within: 4 * LEASE_MS, every: 10 });
      await eventually('the first one notices', () => a.lost.length === 1);
      await Promise.all([a.lock.close(), b.lock.close()]);
    });
  }

  it('is lost after a lease without a heartbeat, not earlier, and the lease of the node has expired by then', async () => {
    const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS });
    const b = localLock({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS });
    const startedAt = performance.now();
    await a.lock.tryAcquire(PROMOTION);
    await eventually('the other gets it', () => b.lock.tryAcquire(PROMOTION), {
      within: 3 * LEASE_MS,
      every: 10,
    });
    expect(performance.now() - startedAt).to.be.at.least(LEASE_MS);
    expect(a.term).to.equal(null);
    await eventually('the first one notices', () => a.lost.length === 1);
    expect(a.lost[0]).to.equal('terminating connection due to idle-session timeout');
    b.lock.abandon('the test is over');
  });

  it('held by a foreign session keeps all nodes standby; each logs the session once', async () => {
    await query('SELECT pg_advisory_lock(1347178068, 1)');
    const both = [await start('node-a'), await start('node-b')];
    const stranger =
      /^no node is seen active, but a DBA \(server process (\d+), role \S+, from \S+\), connected since \S+Z, holds the leader lock\. To end it: SELECT pg_terminate_backend\(\1\)$/;
    await eventually('both log it', () => both.every((one) => said(one, stranger)));
    expect(active()).to.deep.equal([]);
    await query('SELECT pg_advisory_unlock(1347178068, 1)');
    await eventually('one is active', () => active().length === 1);
    for (const one of both) expect(one.entries.filter(({ msg }) => stranger.test(msg))).to.have.length(1);
  });

  it('is taken over from a node whose transaction holds the fence and the event log: that session is ended and logged', async () => {
    // A node that freezes inside a transaction: its lock is gone after the lease, its transaction is not.
    const frozen = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS });
    const term = await frozen.lock.tryAcquire(PROMOTION);
    const writer = new pg.Client({ connectionString: database.url, application_name: 'plantao:node-a:pool' });
    const isEnded = new Promise((resolve) => writer.on('error', resolve));
    await writer.connect();
    await writer.query('BEGIN');
    await writer.query('SELECT plantao.assert_term($1)', [term?.number]);
    await writer.query('SELECT plantao.lock_log()');
    const b = await start('node-b');
    await eventually('the other is active', () => b.sync.isActive);
    await isEnded;
    expect(
      await query(
        `SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE relnamespace = 'plantao_mutexes'::regnamespace 
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      ),
    ).to.deep.equal([]);
    expect(
      said(
        b,
        /^ended plantao:node-a:pool \(server process \d+\): its transaction, open for \d+ ms, blocked the new term/,
      ),
    ).to.equal(true);
  });

  it('is taken by a session that was kept warm, even after a back-off longer than a lease', async () => {
    const a = await start('node-a', { isActive: false });
    await eventually('it is active', () => a.sync.isActive);
    const [holder] = await query(
      'SELECT extract(epoch FROM clock_timestamp() - backend_start) * 1000 AS age FROM plantao.lock_holder',
    );
    expect(Number(holder?.age)).to.be.above(1.5 * LEASE_MS);
  });

  for (const [what, change, undo] of [
    [
      'a table of the DBA refers to plantao.nodes',
      'CREATE TABLE alerts (node text REFERENCES plantao.nodes)',
      'DROP TABLE alerts',
    ],
    [
      'plantao.nodes lacks a column',
      'ALTER TABLE plantao.nodes RENAME active_at TO seen_at',
      'ALTER TABLE plantao.nodes RENAME seen_at TO active_at',
    ],
    [
      'a trigger refuses every change of plantao.nodes',
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
       CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON plantao.nodes FOR EACH ROW EXECUTE FUNCTION refuse()`,
      'DROP FUNCTION refuse CASCADE',
    ],
    [
      'the pauses cannot be read',
      'ALTER VIEW plantao.current_pause RENAME TO pause_now',
      'ALTER VIEW plantao.pause_now RENAME TO current_pause',
    ],
  ] as const) {
    it(`can be taken while ${what}`, async () => {
      await query(`INSERT INTO plantao.nodes (node, url, pid, version, role, started_at, heartbeat_at)
        VALUES ('old', 'http://old', 1, '0', 'stopped', now(), now() - interval '8 days')`);
      await query(change);
      if (what.startsWith('a table')) await query("INSERT INTO alerts VALUES ('old')");
      const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: 5000 });
      try {
        expect(await a.lock.tryAcquire(PROMOTION)).to.not.equal(null);
      } finally {
        a.lock.abandon('the test is over');
        await query(undo);
        await query("DELETE FROM plantao.nodes WHERE node = 'old'");
      }
    });
  }

  it('is not taken on a read-only server, and the attempts leave no session behind', async () => {
    const a = localLock({
      databaseUrl: database.url,
      node: 'node-a',
      leaseMs: 5000,
      settings: { default_transaction_read_only: 'on' },
    });
    for (let tries = 0; tries < 3; tries++) {
      const refusal = await a.lock.tryAcquire(PROMOTION).catch((error) => error);
      expect(refusal).to.have.property('code', '25006');
    }
    await a.lock.close();
    const left =
      "SELECT FROM pg_stat_activity WHERE application_name = 'plantao:node-a:lock' AND datname = current_database()";
    await eventually('no session is left', async () => (await query(left)).length === 0, { within: 2000 });
  });

  it('is released gracefully even if the node stops in the middle of a resignation', async () => {
    const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: 5000 });
    const term = await a.lock.tryAcquire(PROMOTION);
    // A write under way, for which the resignation waits.
    await query('BEGIN');
    await query('SELECT plantao.assert_term($1)', [term?.number]);
    const resigned = a.lock.release({ ...RESIGNATION, reason: 'fall' });
    await eventually('it waits', () => lockWaits(psql, 'plantao_mutexes.write_fence'));
    a.lock.interrupt();
    await query('COMMIT');
    await resigned;
    expect(a.entries.filter(({ level }) => level >= 40)).to.deep.equal([]);
    const [last] = await query('SELECT end_reason FROM plantao.leader_terms ORDER BY term DESC LIMIT 1');
    expect(last).to.deep.equal({ end_reason: 'fall' });
    await a.lock.close();
  });

  it('goes to exactly one of five nodes that try at the same time, every time', async () => {
    const locks = Array.from({ length: 5 }, (_, index) =>
      localLock({ databaseUrl: database.url, node: `node-${index}`, leaseMs: 5000 }),
    );
    for (let round = 0; round < 20; round++) {
      const terms = await Promise.all(locks.map(({ lock }) => lock.tryAcquire(PROMOTION)));
      const winners = locks.filter((_, index) => terms[index] !== null);
      expect(winners, `round ${round}`).to.have.length(1);
      await winners[0]?.lock.release(RESIGNATION);
    }
    for (const { lock } of locks) await lock.close();
    const terms = (await query('SELECT term FROM plantao.leader_terms ORDER BY term')).map(({ term }) => Number(term));
    expect(terms, 'terms rise one by one').to.deep.equal(terms.map((_, index) => index + 1));
    expect(await query("SELECT FROM plantao.leader_history WHERE gap < interval '0'"), 'overlaps').to.deep.equal([]);
  });
});
