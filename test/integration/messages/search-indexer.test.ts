import { expect } from 'chai';
import fc from 'fast-check';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { fold } from '../../../src/chat/search/folding.ts';
import { IndexStore } from '../../../src/chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../../src/chat/search/indexing/search-indexer.ts';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { occurrences, termsOf } from '../../../src/chat/search/search-query.ts';
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

  const newIndexer = () => {
    const store = new IndexStore(sequelize, (work) => sequelize.transaction(work));
    return { store, indexer: new SearchIndexer({ store, log: pino({ level: 'silent' }), isActive: () => true }) };
  };

  it('reads each message once, also those that come after the events of a step', async () => {
    const { store, indexer } = newIndexer();
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

  describe('counts the n-grams of the messages', function () {
    this.timeout(60_000);
    const index = async () => {
      const [rows] = await sequelize.query(
        'SELECT generation, format, cardinality(common_ngrams) AS common FROM plantao.search_index',
      );
      return rows[0] as { generation: number; format: number; common: number | null };
    };
    const GROUPS = 256;

    before(async () => {
      await sequelize.query(`INSERT INTO plantao.groups (name) SELECT 'g' || n FROM generate_series(1, ${GROUPS}) n`);
      await sequelize.query(`INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 1 FROM plantao.groups`);
    });

    it('only once it has enough of them, and is then built again with the common ones', async () => {
      const { indexer } = newIndexer();
      await indexer.catchUp({ atFullSpeed: true });
      const before = await index();
      expect(before.common).to.equal(null);
      await sequelize.query(`
        INSERT INTO plantao.messages (group_id, sender_id, content)
        SELECT 3 + n % ${GROUPS}, 1, CASE WHEN n % 5000 = 0 THEN 'raridade' ELSE 'frequente ' || n END
               || (ARRAY['', ' a reunião', ' 会議室で', ' 37%', ' Łódź', ' de novo 👩', ' x'])[1 + n % 7] || ' ' || substr(md5(n::text), 1, n % 9)
        FROM generate_series(1, ${64 * GROUPS}) n`);
      await indexer.catchUp({ atFullSpeed: true });
      expect((await index()).generation).to.equal(before.generation);
      // The next round sees that there are enough.
      await indexer.catchUp({ atFullSpeed: true });
      const after = await index();
      expect(after.generation).to.equal(before.generation + 1);
      // The trigrams and longer n-grams of one word, and those of the numbers.
      expect(after.common).to.be.within(20, 10_000);
      await indexer.catchUp({ atFullSpeed: true });
      expect((await index()).generation, 'built once').to.equal(after.generation);
    });

    it('and a search that knew others finds the same as one that reads them', async () => {
      const search = new MessageSearch(sequelize);
      const ids = async (q: string) =>
        (await search.find({ userId: 1, terms: termsOf(q), limit: 100 })).messages.map(({ id }) => id);
      expect(await ids('raridade')).to.have.length(3);
      expect(await ids('frequente 16000')).to.have.length(1);
      await sequelize.query('SELECT plantao.rebuild_search()');
      expect((await index()).common).to.equal(null);
      expect(await ids('raridade')).to.have.length(3);
      const { indexer } = newIndexer();
      await indexer.catchUp({ atFullSpeed: true });
      expect((await index()).common).to.be.above(20);
      expect(await ids('raridade')).to.have.length(3);
    });

    it('and finds, for any part of a message, what reading all messages finds', async () => {
      const search = new MessageSearch(sequelize, { timeMs: 30_000 });
      const [all] = (await sequelize.query(
        'SELECT m.id, m.content FROM plantao.messages m JOIN plantao.memberships USING (group_id) WHERE user_id = 1 ORDER BY id DESC',
      )) as [{ id: number; content: string }[], unknown];
      const folded = all.map(({ id, content }) => ({ id: Number(id), text: fold(content) }));
      const parts = fc.sample(fc.tuple(fc.nat(all.length - 1), fc.nat(24), fc.integer({ min: 1, max: 8 })), {
        numRuns: 80,
        seed: 20261128,
      });
      for (const [at, start, length] of parts) {
        const part = [...(all[at]?.content ?? '')].slice(start, start + length).join('');
        const terms = termsOf(part);
        if (terms.length === 0) continue;
        const expected = folded.filter(({ text }) => terms.every((term) => !occurrences(text, term).next().done));
        const { messages } = await search.find({ userId: 1, terms, limit: 50 });
        const ids = expected.slice(0, 50).map(({ id }) => id);
        expect(
          messages.map(({ id }) => id),
          `"${part}"`,
        ).to.deep.equal(ids);
      }
    });

    it('and is built again, like a damaged one, after a change of the list in SQL', async () => {
      const before = await index();
      await sequelize.query(`UPDATE plantao.search_index SET common_ngrams = '{1,2,-3,2147483647}'`);
      await newIndexer().indexer.catchUp({ atFullSpeed: true });
      const after = await index();
      expect(after.generation).to.equal(before.generation + 1);
      expect(after.common).to.be.above(20);
    });

    it('and is built without counts if the sample fails, which is not repeated at once', async () => {
      const { store, indexer } = newIndexer();
      let samples = 0;
      store.sample = () => {
        samples++;
        return Promise.reject(new Error('canceling statement due to statement timeout'));
      };
      await sequelize.query('SELECT plantao.rebuild_search()');
      for (let round = 0; round < 3; round++) await indexer.catchUp({ atFullSpeed: true });
      expect([samples, (await index()).common]).to.deep.equal([1, null]);
      const [[status]] = await sequelize.query('SELECT is_complete, behind::int FROM plantao.search_status');
      expect(status).to.deep.equal({ is_complete: true, behind: 0 });
    });
  });
});
