import { expect } from 'chai';
import type pg from 'pg';
import pino from 'pino';
import { QueryTypes, type Sequelize } from 'sequelize';
import { GroupOrNameAudience, UserAudience } from '../../../src/chat/delivery/audiences.ts';
import { CatchUpReader } from '../../../src/chat/delivery/catch-up-reader.ts';
import type { Memberships } from '../../../src/chat/delivery/membership-cache.ts';
import { ChatListReader } from '../../../src/chat/groups/chat-list-reader.ts';
import { GroupEvents } from '../../../src/chat/groups/group-events.ts';
import { requireBelowCreationLimits } from '../../../src/chat/groups/group-limits.ts';
import { Messages } from '../../../src/chat/messages/messages.ts';
import { IndexStore } from '../../../src/chat/search/indexing/index-store.ts';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { termsOf } from '../../../src/chat/search/search-query.ts';
import { EventDecoder } from '../../../src/events/reading/event-decoder.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { indexBlocksRead, rowsRead } from '../../support/postgres/rows-read.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const MESSAGES = 'plantao.messages';
const EVENTS = 'plantao.events';
/** Far below the messages of the busy group, and above what any of these statements needs. */
const FEW = 1000;

/**
 * Few groups, one of which has most messages, and a table that was not vacuumed, as after an import: here PostgreSQL prefers to read
 * the messages of all groups by their ids, if a statement lets it.
 */
describe('In a database with large tables, one group of which is busy,', function () {
  this.timeout(60_000);
  const { database, sql: client } = useDatabase();
  const groups: Record<string, number> = {};

  before(async () => {
    await seedData(database.url);
    for (const table of [MESSAGES, EVENTS]) await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    for (const [name, count] of [
      ['early', 3],
      ['idle', 5000],
      ['busy', 30_000],
      ['late', 3],
    ] as const) {
      const { rows } = await client.query<{ id: string }>(
        'INSERT INTO plantao.groups (name) VALUES ($1) RETURNING id',
        [name],
      );
      groups[name] = Number(rows[0]?.id);
      await client.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, 1)', [groups[name]]);
      await client.query(
        `INSERT INTO plantao.messages (group_id, sender_id, content)
         SELECT $1, 2, 'mensagem para @ana ' || n FROM generate_series(1, $2::int) n`,
        [groups[name], count],
      );
    }
    await client.query(`UPDATE plantao.memberships m SET last_read_id = (
      SELECT coalesce(max(id), 0) FROM plantao.messages WHERE group_id = m.group_id)`);
    await client.query(`
      INSERT INTO plantao.tokens (hash, user_id, expires_at, proof)
        SELECT sha256(n::text::bytea), 2, now() + interval '1 day', 'operator' FROM generate_series(1, 20000) n;
      INSERT INTO plantao.token_revocations (hash) SELECT sha256(n::text::bytea) FROM generate_series(1, 20000) n;
      INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
        SELECT 2, n::text, 1, sha256(''), 1, 1, now() FROM generate_series(1, 20000) n;
      INSERT INTO plantao.sign_in_attempts (key, points, expire)
        SELECT n::text, 1, 9e12::bigint FROM generate_series(1, 20000) n;
      INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (1, '-', '-', 1, 'test');
      ANALYZE`);
  });

  const log = pino({ level: 'silent' });
  const refuse = () => Promise.reject(new Error('nothing is written here'));
  const inSql = (text: string) => (sequelize: Sequelize) => sequelize.query(text);
  const toTheEnd = () => Object.values(groups).map((id) => ({ id, to: 1_000_000 }));

  const statements: [what: string, table: string, work: (sequelize: Sequelize) => Promise<unknown>][] = [
    ['the list of chats', MESSAGES, (sequelize) => new ChatListReader(sequelize).of(1)],
    [
      'a page of messages',
      MESSAGES,
      (sequelize) => new Messages(sequelize, refuse, log).page({ groupId: groups.early ?? 0, userId: 1, limit: 50 }),
    ],
    [
      'a page of messages around one',
      MESSAGES,
      (sequelize) =>
        new Messages(sequelize, refuse, log).page({
          groupId: groups.idle ?? 0,
          userId: 1,
          limit: 50,
          around: 100,
        }),
    ],
    ['the search for groups to index', MESSAGES, (sequelize) => new IndexStore(sequelize, refuse).due(toTheEnd())],
    [
      'a read of messages to index',
      MESSAGES,
      (sequelize) =>
        new IndexStore(sequelize, refuse).unindexed(
          toTheEnd().map((group) => ({ ...group, indexed_to: 0 })),
          16,
        ),
    ],
    [
      'a search in one group',
      MESSAGES,
      (sequelize) =>
        new MessageSearch(sequelize).find({
          userId: 1,
          groupId: groups.early ?? 0,
          terms: termsOf('mensagem'),
          limit: 9,
        }),
    ],
    ['a page of events about a group', EVENTS, (sequelize) => new GroupEvents(sequelize).page(groups.early ?? 0, 20)],
    ['catching up by a group', EVENTS, (sequelize) => catchUp(sequelize, groups.early ?? 0)],
    ['catching up by a name', EVENTS, (sequelize) => catchUp(sequelize, 'early')],
    [
      'a read mark',
      MESSAGES,
      (sequelize) =>
        sequelize.query(`SELECT plantao.mark_read(ARRAY[1], ARRAY[${groups.early}], ARRAY[9007199254740991])`),
    ],
    [
      'a new member',
      MESSAGES,
      (sequelize) => sequelize.query(`INSERT INTO plantao.memberships (group_id, user_id) VALUES (${groups.early}, 2)`),
    ],
    ['the view plantao.group_activity', MESSAGES, inSql('SELECT * FROM plantao.group_activity')],
    [
      'a sign-in, which removes expired tokens,',
      'plantao.tokens',
      inSql("SELECT plantao.issue_token(1, sha256('new'), interval '1 hour', 10)"),
    ],
    [
      'the end of a token, which removes old revocations,',
      'plantao.token_revocations',
      inSql('DELETE FROM plantao.tokens WHERE user_id = 1'),
    ],
    [
      'a failed sign-in, which removes old counts,',
      'plantao.sign_in_attempts',
      inSql("INSERT INTO plantao.sign_in_attempts (key, points, expire) VALUES ('new', 1, 9e12::bigint)"),
    ],
    [
      'the removal of old idempotency keys',
      'plantao.idempotency_keys',
      inSql("SELECT plantao.remove_old_keys(1, interval '1 day', 1000)"),
    ],
    ['deleting a group', MESSAGES, (sequelize) => sequelize.query(`SELECT plantao.delete_group(${groups.late}, 100)`)],
  ];

  describe('with thousands of events, groups and memberships of one user,', () => {
    before(async () => {
      await client.query(`
        INSERT INTO plantao.users (id, username) VALUES (300, 'rosa');
        INSERT INTO plantao.events (position, kind, user_id, payload)
          SELECT plantao.log_head() + n, 'read', 300, jsonb_build_object('message_id', n, 'last_read_id', n) FROM generate_series(1, 20000) n;
        INSERT INTO plantao.groups (name, creator_id) SELECT 'former ' || n, 300 FROM generate_series(1, 500) n;
        INSERT INTO plantao.groups (name, creator_id) SELECT 'of others ' || n, 2 FROM generate_series(1, 5000) n;
        INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 2 FROM plantao.groups WHERE name LIKE 'of others %';
        INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 300 FROM plantao.groups WHERE name LIKE 'former %' LIMIT 100`);
    });

    it('catching up as that user reads a page of them', async () => {
      // A page has 500 events: each is found, read, and looked up for its text.
      const read = await rowsRead(database.url, EVENTS, (sequelize) =>
        catchUp(sequelize, new UserAudience(memberships)),
      );
      expect(read).to.be.below(3 * FEW);
    });

    for (const table of ['plantao.groups', 'plantao.memberships'])
      it(`creating a group reads few rows of ${table}`, async () => {
        const work = (sequelize: Sequelize) =>
          sequelize.transaction((transaction) => requireBelowCreationLimits(300, transaction));
        expect(await rowsRead(database.url, table, work)).to.be.below(2 * FEW);
      });
  });

  const memberships: Memberships = { userId: 300, groups: new Map(), holders: 0 };

  /** As a session of a node, which plans each statement once. */
  async function catchUp(sequelize: Sequelize, label: string | number | UserAudience): Promise<void> {
    await sequelize.query('SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off');
    const session = {
      query: <Row>({ text, values = [] }: pg.QueryConfig) =>
        sequelize.query(text, { bind: values, type: QueryTypes.SELECT }) as unknown as Promise<Row[]>,
    };
    const audience = label instanceof UserAudience ? label : new GroupOrNameAudience(label, null);
    const client = { audience, hasEnded: false };
    await new CatchUpReader(session, new EventDecoder()).read(client, 10);
  }

  for (const [what, table, work] of statements) {
    it(`${what} reads few rows`, async () => {
      expect(await rowsRead(database.url, table, work)).to.be.below(FEW);
    });
  }

  describe('also before PostgreSQL 18, which reads on after the end of a range in the middle of a group,', () => {
    /** The entries of the busy group alone take more than a hundred. */
    const FEW_BLOCKS = 80;

    for (const [what, work] of [
      ['the list of chats', (sequelize) => new ChatListReader(sequelize).of(1)],
      [
        'a page after a message and before another',
        (sequelize) =>
          new Messages(sequelize, refuse, log).page({
            groupId: groups.busy ?? 0,
            userId: 1,
            limit: 50,
            after: 6000,
            before: 6010,
          }),
      ],
      [
        'a search of messages that are not indexed',
        (sequelize) =>
          new MessageSearch(sequelize).find({
            ...{ userId: 1, groupId: groups.busy ?? 0, terms: termsOf('mensagem'), limit: 1, before: 20_000 },
          }),
      ],
    ] as [string, (sequelize: Sequelize) => Promise<unknown>][]) {
      it(`${what} reads few blocks of the index`, async () => {
        expect(await indexBlocksRead(database.url, MESSAGES, work)).to.be.below(FEW_BLOCKS);
      });
    }
  });

  it('the list of chats reads few blocks of a group in which only the user writes messages with an @', async () => {
    await client.query(`
      INSERT INTO plantao.users (id, username) VALUES (500, 'eco');
      INSERT INTO plantao.groups (id, name) VALUES (95000, 'echo');
      INSERT INTO plantao.memberships (group_id, user_id) VALUES (95000, 500);
      INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 95000, 500, '@' || n FROM generate_series(1, 20000) n;
      UPDATE plantao.memberships SET last_read_id = 9007199254740991 WHERE user_id = 500`);
    const read = await indexBlocksRead(database.url, MESSAGES, (sequelize) => new ChatListReader(sequelize).of(500));
    expect(read).to.be.below(40);
  });

  it('the list of chats reads a bounded number of the unread messages, although none mentions anybody', async () => {
    await client.query(`
      INSERT INTO plantao.users (id, username) VALUES (400, 'lia');
      INSERT INTO plantao.groups (id, name) VALUES (90000, 'unread');
      INSERT INTO plantao.memberships (group_id, user_id) VALUES (90000, 400);
      INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 90000, 2, 'n' || n FROM generate_series(1, 5000) n`);
    const read = await rowsRead(database.url, MESSAGES, async (sequelize) => {
      const { chats } = await new ChatListReader(sequelize).of(400);
      expect(chats.map(({ unread, mentions }) => [unread, mentions])).to.deep.equal([[1000, 0]]);
    });
    expect(read).to.be.below(3 * FEW);
  });

  it('the list of chats reads a bounded number of the messages with an @ that the user sent, although the user never reads', async () => {
    await client.query(`
      INSERT INTO plantao.users (id, username) VALUES (402, 'robô que não lê');
      INSERT INTO plantao.groups (id, name) VALUES (90002, 'never read');
      INSERT INTO plantao.memberships (group_id, user_id) VALUES (90002, 402);
      INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 90002, 402, '@ana ' || n FROM generate_series(1, 5000) n`);
    const read = await rowsRead(database.url, MESSAGES, (sequelize) => new ChatListReader(sequelize).of(402));
    expect(read).to.be.below(2 * FEW);
  });
});
