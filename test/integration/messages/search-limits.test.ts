import { expect } from 'chai';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { termsOf } from '../../../src/chat/search/search-query.ts';
import { closeSequelize, openSequelize } from '../../../src/database/sequelize.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

describe('The time limit of a search', () => {
  let database: TestDatabase;

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
  });
  after(() => database?.drop());

  it('does not include the wait for a free connection', async () => {
    const content = 'paciência';
    const sequelize = openSequelize(database.url, 'plantao:-:test', 1);
    try {
      await sequelize.query(`INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, '${content}')`);
      const busy = sequelize.query('SELECT pg_sleep(0.8)');
      const found = await new MessageSearch(sequelize).find({ userId: 1, terms: termsOf(content), limit: 10 });
      await busy;
      expect(found.messages.map((message) => message.content)).to.deep.equal([content]);
    } finally {
      await closeSequelize(sequelize);
    }
  });
});
