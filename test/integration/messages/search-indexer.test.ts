import { expect } from 'chai';
import fc from 'fast-check';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { fold } from '../../../src/chat/search/folding.ts';
import { IndexStore } from '../../../src/chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../../src/chat/search/indexing/search-indexer.ts';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { occurrences, type SearchTerm, termsOf } from '../../../src/chat/search/search-query.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { rowsRead } from '../../support/postgres/rows-read.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('The search indexer', () => {
  const { database } = useDatabase();
  let sequelize: Sequelize;

  before(async () => {
    sequelize = openSequelize(database.url, 'test', 1);
    await sequelize.query(`INSERT INTO plantao.users (username) VALUES ('ana')`);
    await sequelize.query(`INSERT INTO plantao.groups (name) VALUES ('um'), ('dois')`);
  });
  after(async () => {
    await closeSequelize(sequelize);
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

  describe('The index that it builds', function () {
    this.timeout(60_000);
    const GROUPS = 32;

    before(async () => {
      await sequelize.query(`INSERT INTO plantao.groups (name) SELECT 'g' || n FROM generate_series(1, ${GROUPS}) n`);
      await sequelize.query(`INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 1 FROM plantao.groups`);
      await sequelize.query(`
        INSERT INTO plantao.messages (group_id, sender_id, content)
        SELECT 3 + n % ${GROUPS}, 1, CASE WHEN n % 5000 = 0 THEN 'raridade' ELSE 'frequente ' || n END
               || (ARRAY['', ' a reunião', ' 会議室で', ' 37%', ' Łódź', ' de novo 👩', ' x'])[1 + n % 7] || ' ' || substr(md5(n::text), 1, n % 9)
        FROM generate_series(1, ${512 * GROUPS}) n`);
      await newIndexer().indexer.catchUp({ atFullSpeed: true });
    });

    /** Its time limit is not what is tested. */
    const find = async (terms: readonly SearchTerm[], limit: number) => {
      const { messages } = await new MessageSearch(sequelize, { timeMs: 30_000 }).find({ userId: 1, terms, limit });
      return messages.map(({ id }) => id);
    };
    const ids = (q: string) => find(termsOf(q), 100);

    it('lets a search for any part of a message find what reading all messages finds', async () => {
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
        expect(await find(terms, 50), `"${part}"`).to.deep.equal(expected.slice(0, 50).map(({ id }) => id));
      }
    });

    it('lets a search for a text that no message contains read only the newest row and the newest messages of each group', async () => {
      for (const q of ['xkw', 'inexistente', '§', 'yz']) {
        const search = (pool: Sequelize) =>
          new MessageSearch(pool, { timeMs: 30_000 }).find({ userId: 1, terms: termsOf(q), limit: 50 });
        expect(await rowsRead(database.url, 'plantao.message_search', search), q).to.be.at.most(GROUPS + 2);
        // The newest ones of each group, of which up to 64 are not indexed yet.
        expect(await rowsRead(database.url, 'plantao.messages', search), q).to.be.at.most(65 * (GROUPS + 2));
      }
    });

    for (const table of ['message_search', 'search_segments']) {
      it(`has no rows of two builds that overlap after a DBA has deleted a part of ${table} and some messages`, async () => {
        await sequelize.query(`
          DELETE FROM plantao.messages WHERE id IN (SELECT id FROM plantao.messages WHERE group_id = 4 ORDER BY id LIMIT 5);
          DELETE FROM plantao.${table} WHERE group_id = 4;
          INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 4, 1, 'nova ' || n FROM generate_series(1, 100) n`);
        await newIndexer().indexer.catchUp({ atFullSpeed: true });
        for (const covering of ['message_search', 'search_segments']) {
          const [gaps] = await sequelize.query(
            `SELECT * FROM (SELECT after_id, coalesce(lag(last_id) OVER (ORDER BY after_id), 0) AS before
                            FROM plantao.${covering} WHERE group_id = 4) r WHERE after_id <> before`,
          );
          expect(gaps, covering).to.deep.equal([]);
        }
        expect(await ids('nova')).to.have.length.above(49);
      });

      it(`is built again for a group whose part of ${table} a DBA has deleted`, async () => {
        const indexed = async () => {
          const [rows] = await sequelize.query(
            `SELECT max(last_id)::int AS rows_to, (SELECT max(last_id)::int FROM plantao.search_segments WHERE group_id = 3) AS segments_to
             FROM plantao.message_search WHERE group_id = 3`,
          );
          return rows[0];
        };
        const [before, found] = [await indexed(), await ids('raridade')];
        expect(found).to.have.length.above(2);
        await sequelize.query(`DELETE FROM plantao.${table} WHERE group_id = 3`);
        expect(await ids('raridade')).to.deep.equal(found);
        await sequelize.query(
          `INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (3, 1, 'raridade nova')`,
        );
        await newIndexer().indexer.catchUp({ atFullSpeed: true });
        expect(await indexed()).to.deep.equal(before);
        expect(await ids('raridade')).to.have.length(found.length + 1);
      });
    }
  });
});
