import { expect } from 'chai';
import pg from 'pg';
import { CursorExpiredError, parseCursor } from '../../../src/events/cursor.ts';
import { eventually } from '../../support/eventually.ts';
import { lockWaits } from '../../support/postgres/lock-waits.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { LogNode } from '../delivery/delivery-node.ts';

/** Commits that no session waits for stay in memory, and are lost in a crash: no writer flushes them meanwhile. */
const FORGETFUL = ['-c', 'wal_writer_delay=10000', '-c', 'wal_writer_flush_after=1GB', '-c', 'bgwriter_delay=10000'];

describe('The identity of the event log', function () {
  this.timeout(60_000);
  let postgres: OwnPostgres;
  let node: LogNode;
  const clients: pg.Client[] = [];
  let resumed: Promise<void>;
  let resume: () => void;

  beforeEach(async () => {
    resumed = new Promise((resolve) => {
      resume = resolve;
    });
    postgres = await startPostgresOfItsOwn({ flags: FORGETFUL });
    const sql = await psql();
    await sql.query(`
      INSERT INTO plantao.users (username) VALUES ('ana');
      INSERT INTO plantao.groups (name) VALUES ('g');
      INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'kept');
      CHECKPOINT`);
    node = await LogNode.start({ url: postgres.url });
  });
  afterEach(async () => {
    resume();
    await node.stop();
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
    await postgres.remove();
  });

  async function psql(settings = ''): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: postgres.url, options: settings });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  }
  const write = (client: pg.Client, text: string) =>
    client.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, $1)', [text]);

  /** Eight events are heard, and lost in the crash of one server process: the others restart under the same postmaster. */
  async function heardAndLost(): Promise<string> {
    const careless = await psql('-c synchronous_commit=off');
    for (let n = 2; n <= 9; n++) await write(careless, `lost ${n}`);
    await node.log.read();
    expect(node.log.known.head).to.equal(9);
    const { epoch } = node.log.known;
    // The node reads again only after the next writer has written.
    node.logSession.before = () => resumed;
    const { rows } = await careless.query(
      'SELECT pg_backend_pid() AS pid, pg_postmaster_start_time()::text AS started',
    );
    process.kill(rows[0].pid, 'SIGKILL');
    // A session that is opened before the postmaster has noticed it is ended with the others.
    const recovered = async () => {
      const sql = await psql();
      const { rows } = await sql.query(
        'SELECT pg_postmaster_start_time()::text AS started, plantao.log_head()::int AS head',
      );
      return rows[0].head === 1 && rows[0].started;
    };
    const started = await eventually('it has recovered without the events', recovered, { within: 20_000 });
    expect(started, 'the same postmaster').to.equal(rows[0].started);
    return epoch;
  }

  const refusal = async (cursor: string, log = node.log) => {
    // At once, without waiting for the node's next scheduled read.
    resume();
    await log.read();
    try {
      return log.known.positionOf(parseCursor(cursor));
    } catch (error) {
      if (error instanceof CursorExpiredError) return error.reason;
      throw error;
    }
  };

  it('changes in a crash that loses commits: the cursor of a lost event is refused, even after new events', async () => {
    const epoch = await heardAndLost();
    const sql = await psql();
    for (const text of ['new 2', 'new 3', 'new 4']) await write(sql, text);
    expect(await refusal(`${epoch}-4`)).to.equal('history');
    expect(await refusal(`${epoch}-9`)).to.equal('history');
    expect(await refusal(`${epoch}-2`)).to.equal('history');
    expect(await refusal(`${epoch}-1`), 'what was kept continues').to.equal(1);
    const restarted = await LogNode.start({ url: postgres.url });
    try {
      expect(await refusal(`${epoch}-4`, restarted.log)).to.equal('history');
      expect(await refusal(`${epoch}-1`, restarted.log)).to.equal(1);
    } finally {
      await restarted.stop();
    }
  });

  it('changes before the next write, for a reader that is ahead and when the next term opens', async () => {
    const epoch = await heardAndLost();
    expect(await refusal(`${epoch}-4`)).to.be.oneOf(['ahead', 'history']);
    const sql = await psql();
    await sql.query('SELECT plantao.continue_epoch()');
    expect(await refusal(`${epoch}-4`)).to.equal('history');
    expect(await refusal(`${epoch}-1`)).to.equal(1);
    const { rows } = await sql.query('SELECT count(*)::int AS epochs FROM plantao.epochs');
    expect(rows[0].epochs, 'two at the most: one of the crash, one of the migration').to.equal(2);
  });

  it('changes once if several sessions begin a new one at once, and each of them sees it', async () => {
    const [first, second] = [await psql(), await psql()];
    // Both selects see what is committed when they begin.
    const begin = () => second.query('SELECT plantao.continue_epoch(); SELECT plantao.newest_epoch()::int AS epoch');
    await begin();
    await first.query('DELETE FROM plantao.recovery_marker');
    await first.query('BEGIN; SELECT plantao.lock_log()');
    const begun = begin();
    const waits = () => lockWaits(first);
    await Promise.race([begun, eventually('the second waits for the first', waits, { every: 1 })]);
    await first.query('COMMIT');
    const [, { rows }] = (await begun) as unknown as [unknown, pg.QueryResult<{ epoch: number }>];
    expect(rows).to.deep.equal([{ epoch: 2 }]);
    expect((await first.query('SELECT count(*)::int AS epochs FROM plantao.epochs')).rows).to.deep.equal([
      { epochs: 2 },
    ]);
  });

  it('changes once, with the first event of any kind', async () => {
    const epoch = await heardAndLost();
    const sql = await psql();
    await sql.query("SELECT plantao.notify_group('g'), plantao.notify_group('all')");
    await sql.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'bulk' FROM generate_series(1, 9)",
    );
    expect(await refusal(`${epoch}-4`)).to.equal('history');
    const { rows } = await sql.query('SELECT after_position::int FROM plantao.epochs ORDER BY number');
    expect(rows.map(({ after_position }) => after_position)).to.deep.equal([0, 1]);
  });

  it('changes at a clean restart, and every cursor stays valid', async () => {
    const careless = await psql('-c synchronous_commit=off');
    await write(careless, 'two');
    await node.log.read();
    const { epoch } = node.log.known;
    await postgres.restart('fast');
    const sql = await psql();
    expect((await sql.query('TABLE plantao.recovery_marker')).rows).to.have.length(1);
    await write(sql, 'three');
    expect(await refusal(`${epoch}-2`)).to.equal(2);
    expect(node.log.known.epoch).to.not.equal(epoch);
  });

  it('is read without the unlogged table on a hot standby, which does not have it', async () => {
    const sql = await psql();
    const { rows } = await sql.query(
      `SELECT DISTINCT c.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
       WHERE d.refobjid = 'plantao.recovery_marker'::regclass AND d.classid = 'pg_rewrite'::regclass`,
    );
    expect(rows).to.deep.equal([]);
  });
});
