import { expect } from 'chai';
import pg from 'pg';
import type { Sequelize } from 'sequelize';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { termsOf } from '../../../src/chat/search/search-query.ts';
import { closeSequelize, openSequelize } from '../../../src/database/sequelize.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

const PATIENCE = { within: 20_000 };

describe('A search', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
  });
  after(() => database?.drop());

  /** Runs work on a pool of one connection, which is closed at the end. */
  async function onPool<Result>(work: (sequelize: Sequelize) => Promise<Result>): Promise<Result> {
    const sequelize = openSequelize(database.url, 'plantao:-:test', 1);
    return work(sequelize).finally(() => closeSequelize(sequelize));
  }

  it('does not count the wait for a free connection in its time limit', async () => {
    const content = 'paciência';
    const found = await onPool(async (sequelize) => {
      await sequelize.query(`INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, '${content}')`);
      const busy = sequelize.query('SELECT pg_sleep(0.8)');
      const result = await new MessageSearch(sequelize).find({ userId: 1, terms: termsOf(content), limit: 10 });
      await busy;
      return result;
    });
    expect(found.messages.map((message) => message.content)).to.deep.equal([content]);
  });

  it('of messages that are not indexed reads the newest ones, not the whole group', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    /** The rows of plantao.messages that were inserted or fetched. A session reports them when it ends. */
    const counted = async (what: 'n_tup_ins' | 'idx_tup_fetch') => {
      const { rows } = await client.query<{ count: number }>(
        `SELECT ${what}::int AS count FROM pg_stat_user_tables WHERE relid = 'plantao.messages'::regclass`,
      );
      return rows[0]?.count ?? 0;
    };
    try {
      await onPool(async (sequelize) => {
        // Groups whose messages lie between those of the others, of whose ranges the planner knows no sizes.
        await sequelize.query(`WITH made AS (
            INSERT INTO plantao.groups (name) SELECT 'large ' || n FROM generate_series(1, 8) n RETURNING id),
          joined AS (INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 1 FROM made RETURNING group_id)
          INSERT INTO plantao.messages (group_id, sender_id, content)
          SELECT group_id, 1, 'frequente ' || n FROM generate_series(1, 2500) n CROSS JOIN joined ORDER BY n`);
        await sequelize.query('ANALYZE plantao.messages');
      });
      await eventually('the messages are counted', async () => (await counted('n_tup_ins')) >= 20_000, PATIENCE);
      const before = await counted('idx_tup_fetch');
      const { messages } = await onPool((sequelize) =>
        new MessageSearch(sequelize).find({ userId: 1, terms: termsOf('frequente'), limit: 20 }),
      );
      expect(messages).to.have.length(20);
      const count = await eventually(
        'the reads are counted',
        async () => (await counted('idx_tup_fetch')) - before,
        PATIENCE,
      );
      expect(count).to.be.below(5000);
    } finally {
      await client.end();
    }
  });
});
