import { expect } from 'chai';
import type { Sequelize } from 'sequelize';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { termsOf } from '../../../src/chat/search/search-query.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { rowsRead } from '../../support/postgres/rows-read.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('A search', () => {
  const { database } = useDatabase();
  before(async () => {
    await seedData(database.url);
  });

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
    await onPool(async (sequelize) => {
      // Groups whose messages lie between those of the others, of whose ranges the planner knows no sizes.
      await sequelize.query(`WITH made AS (
          INSERT INTO plantao.groups (name) SELECT 'large ' || n FROM generate_series(1, 8) n RETURNING id),
        joined AS (INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 1 FROM made RETURNING group_id)
        INSERT INTO plantao.messages (group_id, sender_id, content)
        SELECT group_id, 1, 'frequente ' || n FROM generate_series(1, 2500) n CROSS JOIN joined ORDER BY n`);
      await sequelize.query('ANALYZE plantao.messages');
    });
    const count = await rowsRead(database.url, 'plantao.messages', async (sequelize) => {
      const search = new MessageSearch(sequelize);
      const { messages } = await search.find({ userId: 1, terms: termsOf('frequente'), limit: 20 });
      expect(messages).to.have.length(20);
    });
    expect(count).to.be.below(5000);
  });
});
