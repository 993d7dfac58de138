import { expect } from 'chai';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { IndexStore } from '../../../src/chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../../src/chat/search/indexing/search-indexer.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

describe('The search indexer', () => {
  let database: TestDatabase;
  let sequelize: Sequelize;

  before(async () => {
    database = await createDatabase();
    sequelize = openSequelize(database.url, 'test', 1);
    await sequelize.query(`INSERT INTO plantao.users (username) VALUES ('ana')`);
    await sequelize.query(`INSERT INTO plantao.groups (name) VALUES ('um'), ('dois')`);
  });
  after(async () => {
    await closeSequelize(sequelize);
    await database.drop();
  });

  it('reads each message once, also those that come after the events of a step', async () => {
    const store = new IndexStore(sequelize, (work) => sequelize.transaction(work));
    const indexer = new SearchIndexer({ store, log: pino({ level: 'silent' }), isActive: () => true });
    await indexer.catchUp({ atFullSpeed: true });
    await sequelize.query(`
      INSERT INTO plantao.messages (group_id, sender_id, content)
      SELECT 1 + n % 2, 1, 'message number ' || n FROM generate_series(1, 5000) n`);

    let read = 0;
    let again = 0;
    const { unindexed, indexed } = store;
    store.unindexed = async (...args) => {
      const messages = await unindexed.apply(store, args);
      read += messages.length;
      return messages;
    };
    store.indexed = async (ids) => {
      again += ids.length;
      return indexed.call(store, ids);
    };
    await indexer.catchUp({ atFullSpeed: true });
    expect(again).to.equal(0);
    // The last few of each step make no whole chunk, and are read by the next one too.
    expect(read).to.be.within(4950, 5600);
  });
});
