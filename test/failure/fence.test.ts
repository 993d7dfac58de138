import { expect } from 'chai';
import pg from 'pg';
import { MessageWriter } from '../../src/chat/posting/message-writer.ts';
import { SqlState, sqlState } from '../../src/database/errors.ts';
import { fencedWrite, NotActiveError } from '../../src/database/fenced-write.ts';
import { closeSequelize, openSequelize } from '../../src/database/sequelize.ts';
import { connectionOptions } from '../../src/database/session/connection.ts';
import { ReconnectingSession } from '../../src/database/session/reconnecting-session.ts';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { type LocalLock, localLock } from './coordinator.ts';

const LEASE_MS = 2000;
const INSERT = 'INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, $1)';

describe('The write fence', () => {
  let database: TestDatabase;
  let a: LocalLock;
  let b: LocalLock;
  let term: number;
  let bystander: pg.Client;
  const open: pg.Client[] = [];

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
    bystander = await connect('witness');
  });
  after(async () => {
    await bystander.end();
    await database.drop();
  });

  beforeEach(async () => {
    const options = { databaseUrl: database.url, leaseMs: LEASE_MS };
    [a, b] = [localLock({ ...options, node: 'node-a' }), localLock({ ...options, node: 'node-b' })];
    term = (await a.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }))) ?? 0;
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
  /** A psql of its own, closed after the test. */
  const psql = async (name = 'psql') => {
    const client = await connect(name);
    open.push(client);
    return client;
  };
  const witness = async (sql: string, values: unknown[] = []) => (await bystander.query(sql, values)).rows;
  const isStored = async (content: string) =>
    (await witness('SELECT FROM plantao.messages WHERE content = $1', [content])).length > 0;
  /** For PostgreSQL the first node has ended, and the second becomes active. */
  const failOver = async () => {
    a.lock.abandon('cut off');
    return eventually('the second node is active', () => b.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 })));
  };

  it('refuses the same term number of another node, as after a failover of PostgreSQL that lost a term', async () => {
    const other = await psql('plantao:node-b:pool');
    await other.query('BEGIN');
    const refused = await other.query('SELECT plantao.assert_term($1)', [term]).catch((error: unknown) => error);
    expect(sqlState(refused)).to.equal(SqlState.TERM_CLOSED);
    const own = await psql('plantao:node-a:pool');
    await own.query('SELECT plantao.assert_term($1)', [term]);
  });

  it('rolls back a write whose term closed meanwhile, before the next term begins', async () => {
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
      /^ended plantao:node-a:pool \(server process \d+\): its transaction, open for \d+ ms, stood/,
    );
  });

  it('refuses the first write of a transaction that began under a closed term', async () => {
    const writer = await psql();
    await writer.query('BEGIN');
    await writer.query('SELECT 1');
    await failOver();
    const error = await writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    expect(sqlState(error)).to.equal(SqlState.TERM_CLOSED);
  });

  it('refuses a write that waited at the fence while its term was closed', async () => {
    const [closing, writer] = [await psql(), await psql()];
    await closing.query('BEGIN');
    await closing.query('SELECT plantao.close_term($1, $2)', [term, 'test']);
    const asserted = writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    await eventually(
      'it waits',
      async () =>
        (await witness("SELECT FROM pg_locks WHERE relation = 'plantao_mutexes.write_fence'::regclass AND NOT granted"))
          .length > 0,
    );
    await closing.query('COMMIT');
    expect(sqlState(await asserted)).to.equal(SqlState.TERM_CLOSED);
  });

  it('refuses transactions whose snapshot could be older than the fence', async () => {
    const writer = await psql();
    await writer.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const error = await writer.query('SELECT plantao.assert_term($1)', [term]).catch((thrown) => thrown);
    expect(sqlState(error)).to.equal(SqlState.WRONG_ISOLATION);
  });

  it('accepts writes in a database whose default isolation is repeatable read', async () => {
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

  it('refuses a change through the pool by a node that has not noticed the end of its term', async () => {
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

  it('stores no post of a node that has not noticed the end of its term, and refuses it to the sender', async () => {
    const session = new ReconnectingSession(connectionOptions(database.url, 'plantao:node-a:writer', 2000));
    const writer = new MessageWriter({ session, term: () => term, membersOnly: false, commitLimitMs: 2000 });
    const post = (content: string) => writer.post({ senderId: 1, groupId: 1, content, key: null });
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

  it('keeps the accepted writes when a resignation closes the term', async () => {
    const writer = await psql();
    await writer.query('BEGIN');
    await writer.query('SELECT plantao.assert_term($1)', [term]);
    await writer.query(INSERT, ['accepted before the resignation']);
    let isResigned = false;
    const resigned = a.lock.release('test', null).then(() => {
      isResigned = true;
    });
    await eventually(
      'the resignation waits',
      async () =>
        (await witness("SELECT FROM pg_locks WHERE relation = 'plantao_mutexes.write_fence'::regclass AND NOT granted"))
          .length > 0,
    );
    expect(isResigned).to.equal(false);
    expect(a.lock.term, 'no write begins meanwhile').to.equal(null);
    await writer.query('COMMIT');
    await resigned;
    expect(await isStored('accepted before the resignation')).to.equal(true);
    expect(await b.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }))).to.equal(term + 1);
  });
});
