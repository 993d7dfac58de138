import { expect } from 'chai';
import pg from 'pg';
import { MessageWriter } from '../../../../src/chat/posting/message-writer.ts';
import { SqlState, sqlState } from '../../../../src/database/errors.ts';
import { closeSequelize, openSequelize } from '../../../../src/database/pool/sequelize.ts';
import { connectionOptions } from '../../../../src/database/session/connection.ts';
import { ReconnectingSession } from '../../../../src/database/session/reconnecting-session.ts';
import { fencedWrite, NotActiveError } from '../../../../src/database/writes/fenced-write.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { lockWaits } from '../../../support/postgres/lock-waits.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type LocalLock, localLock, PROMOTION, RESIGNATION } from '../coordinator.ts';

const LEASE_MS = 2000;
const INSERT = 'INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, $1)';

describe('The write fence', () => {
  const { database } = useDatabase();
  let a: LocalLock;
  let b: LocalLock;
  let term: number;
  let bystander: pg.Client;
  const open: pg.Client[] = [];

  before(async () => {
    await seedData(database.url);
    bystander = await connect('witness');
  });
  after(async () => {
    await bystander.end();
  });

  beforeEach(async () => {
    const options = { databaseUrl: database.url, leaseMs: LEASE_MS };
    [a, b] = [localLock({ ...options, node: 'node-a' }), localLock({ ...options, node: 'node-b' })];
    term = (await a.lock.tryAcquire(PROMOTION))?.number ?? 0;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => undefined)));
    a.lock.abandon('the test is over');
    b.lock.abandon('the test is over');
    await eventually('the lock is free', async () => (await witness('SELECT FROM plantao.lock_holder')).length === 0);
  });

  const connect = async (name: string) => {
    const client = new pg.Client({ connectionString: database.url, application_name: name });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  /** Opens a session that is closed after the test. */
  const psql = async (name = 'psql') => {
    const client = await connect(name);
    open.push(client);
    return client;
  };
  const witness = async (sql: string, values: unknown[] = []) => (await bystander.query(sql, values)).rows;
  const isStored = async (content: string) =>
    (await witness('SELECT FROM plantao.messages WHERE content = $1', [content])).length > 0;
  /** Ends the lock session of the first node, and makes the second active. Returns its term. */
  const failOver = async (): Promise<number> => {
    a.lock.abandon('cut off');
    const next = await eventually('the second node is active', () => b.lock.tryAcquire(PROMOTION));
    return next.number;
  };

  it('refuses a node under the number of another one, as after a failover of PostgreSQL that lost a term', async () => {
    const other = await psql('plantao:node-b:pool');
    await other.query('BEGIN');
    const refused = await other.query('SELECT plantao.assert_term($1)', [term]).catch((error: unknown) => error);
    expect(sqlState(refused)).to.equal(SqlState.TERM_CLOSED);
    const own = await psql('plantao:node-a:pool');
    await own.query('SELECT plantao.assert_term($1)', [term]);
  });

  it('rolls back an open transaction of the last term before the next term begins', async () => {
    const writer = await psql('plantao:node-a:pool');
    await writer.query('BEGIN');
    await writer.query('SELECT plantao.assert_term($1)', [term]);
    await writer.query(INSERT, ['begun under the old term']);
    expect(await failOver()).to.equal(term + 1);
    const error = await writer.query('COMMIT').then(
      () => null,
      (thrown) => thrown,
    );
    expect(error, 'the COMMIT').to.be.an('error');
    expect(await isStored('begun under the old term')).to.equal(false);
    const said = b.entries.find(({ event }) => event === 'last_term_ended');
    expect(said?.msg).to.match(
      /^ended plantao:node-a:pool \(server process \d+\): its transaction, open for \d+ ms, blocked the new term/,
    );
  });

  it('refuses a write in a transaction that was opened before the term was closed', async () => {
    const writer = await psql();
    await writer.query('BEGIN');
    await writer.query('SELECT 1');
    await failOver();
    const error = await writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    expect(sqlState(error)).to.equal(SqlState.TERM_CLOSED);
  });

  it('refuses a write that waited at the fence while the term was closed', async () => {
    const [closing, writer] = [await psql(), await psql()];
    await closing.query('BEGIN');
    await closing.query('SELECT plantao.close_term($1, $2)', [term, 'test']);
    const asserted = writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    await eventually('it waits', () => lockWaits(bystander, 'plantao_mutexes.write_fence'));
    await closing.query('COMMIT');
    expect(sqlState(await asserted)).to.equal(SqlState.TERM_CLOSED);
  });

  it('refuses a term of the same number in another epoch, as after a failover that lost the last term', async () => {
    const [own] = await witness('SELECT plantao.fencing_token($1) AS token', [term]);
    await witness('SELECT plantao.assert_term($1)', [own?.token]);
    // The promoted standby knows neither the term nor its epoch, and opens another term with the same number.
    await witness('UPDATE plantao.leader_terms SET ended_at = clock_timestamp() WHERE ended_at IS NULL');
    await witness(`INSERT INTO plantao.epochs (number, after_position, history, timeline, cause)
      SELECT number + 1, after_position, history, timeline + 1, 'failover' FROM plantao.epochs ORDER BY number DESC LIMIT 1`);
    await witness('UPDATE plantao.leader_terms SET ended_at = NULL, epoch = epoch + 1 WHERE term = $1', [term]);
    const error = await witness('SELECT plantao.assert_term($1)', [own?.token]).catch((thrown) => thrown);
    expect(sqlState(error)).to.equal(SqlState.TERM_CLOSED);
    expect(error.message).to.equal(`term ${term} is closed`);
  });

  it('refuses a transaction whose snapshot could be older than the fence', async () => {
    const writer = await psql();
    await writer.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const error = await writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    expect(sqlState(error)).to.equal(SqlState.WRONG_ISOLATION);
  });

  it('accepts the writes of a node whose role or database has another default isolation', async () => {
    await witness(`ALTER DATABASE ${database.name} SET default_transaction_isolation = 'repeatable read'`);
    const sequelize = openSequelize(database.url, 'plantao:node-a:pool', 2);
    try {
      const write = fencedWrite(sequelize, () => term);
      await write((transaction) => sequelize.query(INSERT, { bind: ['under another default'], transaction }));
      expect(await isStored('under another default')).to.equal(true);
    } finally {
      await closeSequelize(sequelize);
      await witness(`ALTER DATABASE ${database.name} RESET default_transaction_isolation`);
    }
  });

  it('refuses a write through the pool by a node that still considers itself active', async () => {
    const sequelize = openSequelize(database.url, 'plantao:node-a:pool', 2);
    try {
      const write = fencedWrite(sequelize, () => term);
      await failOver();
      let isBegun = false;
      const work = async () => {
        isBegun = true;
      };
      expect(await write(work).catch((error) => error)).to.be.instanceOf(NotActiveError);
      expect(isBegun).to.equal(false);
    } finally {
      await closeSequelize(sequelize);
    }
  });

  it('refuses a post to a node that still considers itself active', async () => {
    const session = new ReconnectingSession(connectionOptions(database.url, 'plantao:node-a:writer', 2000));
    const writer = new MessageWriter({
      session,
      fencingToken: () => term,
      membersOnly: false,
      commitLimitMs: 2000,
      isReplicated: async () => true,
    });
    const post = (content: string) =>
      writer.post({ senderId: 1, groupId: 1, content, key: null, mustReplicate: false });
    try {
      expect(await post('in the old term')).to.include({ repeated: false });
      await failOver();
      expect(await post('after it').catch((error) => error)).to.be.instanceOf(NotActiveError);
      expect(await isStored('in the old term')).to.equal(true);
      expect(await isStored('after it')).to.equal(false);
    } finally {
      await session.stop();
    }
  });

  it('makes a resignation wait for the writes under way, which are kept', async () => {
    const writer = await psql();
    await writer.query('BEGIN');
    await writer.query('SELECT plantao.assert_term($1)', [term]);
    await writer.query(INSERT, ['accepted before the resignation']);
    let isResigned = false;
    const resigned = a.lock.release(RESIGNATION).then(() => {
      isResigned = true;
    });
    await eventually('the resignation waits', () => lockWaits(bystander, 'plantao_mutexes.write_fence'));
    expect(isResigned).to.equal(false);
    expect(a.term, 'no write begins in the meantime').to.equal(null);
    await writer.query('COMMIT');
    await resigned;
    expect(await isStored('accepted before the resignation')).to.equal(true);
    expect((await b.lock.tryAcquire(PROMOTION))?.number).to.equal(term + 1);
  });
});
