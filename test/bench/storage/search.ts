/*
 * npm run bench:search: how long the search index takes to build, and searches of a user in 100 groups that hold half of all
 * messages, with the index and without it. `--messages 10000000` is the full size: about 20 minutes and 6 GB.
 */
import pino from 'pino';
import { IndexStore } from '../../../src/chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../../src/chat/search/indexing/search-indexer.ts';
import { MessageSearch } from '../../../src/chat/search/message-search.ts';
import { termsOf } from '../../../src/chat/search/search-query.ts';
import { migrate } from '../../../src/database/migrator.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Bench, runPart } from '../common/part.ts';
import { sql } from '../common/people.ts';
import type { Contestant } from '../common/section.ts';
import { latencyOf } from '../common/statistics.ts';
import { shown } from '../common/table.ts';

/** This many messages take about two minutes. */
const MESSAGES = 500_000;
const GROUPS = 200;
/** The user is in the first half of the groups. */
const USER = 1;
const PAGE = 20;
const FRAGMENTS = 20_000;
const VOCABULARY = 30_000;
/** A scan without the index may take this long. */
const SCAN_LIMIT_MS = 120_000;

/** The searches. The generator puts the words into messages. */
const QUERIES: Record<string, string> = {
  'a word in half of the messages': 'frequente',
  'a word in one of a thousand': 'ocasional',
  'a word in ten messages': 'raridade',
  'a word of other groups only': 'alheio',
  'a part of a rare word': 'arida',
  'two ideographs in ten messages': '会議',
  'one ideograph in ten messages': '議',
  'two words, never together': 'ocasional raridade',
  'no such word': 'inexistente',
  'no such word of three letters': 'xkw',
  'one letter': 'x',
  'a symbol in ten messages': '%',
  'as many words as a query may have': 'inexistente inexistent inexisten inexiste inexist inexis inexi inex',
  'a word as long as a query may be': 'inexistente'.repeat(23),
};

/** The parts of made-up words. */
const ONSETS = 'b c d f g h j l m n p qu r s t v z br cr pr tr gr lh nh ch'.split(' ');
const VOWELS = 'a e i o u ã é ó ou ei ai'.split(' ');
const CODAS = ['', '', '', 's', 'r', 'n', 'm', 'l'];

await runPart('search', 'Search', async (bench) => {
  const messages = bench.size('messages') ?? (bench.isQuick ? 100_000 : MESSAGES);
  bench.progress.say('starting PostgreSQL');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'shared_buffers=512MB'] });
  bench.defer(() => postgres.remove());
  await migrate(postgres.url);
  bench.progress.say(`storing ${shown(messages)} messages`);
  await storeMessages(postgres.url, messages);
  await fill(bench, postgres.url, messages);
  // As autovacuum would: not while the searches are measured.
  await sql(postgres.url, 'VACUUM ANALYZE plantao.message_search, plantao.search_segments');

  const sequelize = openSequelize(postgres.url, 'bench', 4);
  bench.defer(() => closeSequelize(sequelize));
  const times = bench.isQuick ? 5 : 100;
  // Shorter statements: the pool waits a limited time for each.
  const scan = new MessageSearch(sequelize, { timeMs: SCAN_LIMIT_MS, messagesAtOnce: 2048 });
  const search = new MessageSearch(sequelize);
  /** Turns the index off or on: a search ignores an index of another format. */
  const toggle = () => sql(postgres.url, 'UPDATE plantao.search_index SET format = format # 1');
  for (const [what, q] of Object.entries(QUERIES)) {
    const options = { userId: USER, terms: termsOf(q), limit: PAGE };
    const { messages: found, isPartial } = await search.find(options);
    await bench.section({
      title: `GET /search: ${what} (${found.length} found${isPartial ? ', partial' : ''})`,
      figures: [
        { key: 'p50', label: 'p50 ms' },
        { key: 'p99', label: 'p99 ms' },
      ],
      contestants: [
        timed('search', times, () => search.find(options)),
        timed('without index', 1, () => scan.find(options), toggle),
      ],
      targets: [
        { work: `${what}: p50 in ms`, of: ['search', 'p50'], atMost: 50 },
        { work: `${what}: with index / without`, of: ['search', 'p50'], to: [['without index', 'p50']], atMost: 1.2 },
      ],
      rounds: 1,
    });
  }
});

/** Builds the index as a node does, but without its pauses. */
async function fill(bench: Bench, url: string, messages: number): Promise<void> {
  bench.progress.say('indexing');
  const sequelize = openSequelize(url, 'bench', 1);
  const store = new IndexStore(sequelize, (work) => sequelize.transaction(work));
  const indexer = new SearchIndexer({ store, log: pino({ level: 'silent' }), isActive: () => true });
  const [before] = await sql<{ lsn: string }>(url, 'SELECT pg_current_wal_lsn() AS lsn');
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  await indexer.catchUp({ atFullSpeed: true });
  const each = (us: number) => `${shown(us / messages)} µs`;
  const took = (performance.now() - startedAt) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  await closeSequelize(sequelize);
  const [size] = await sql<{ index: string; messages: string; wal: string }>(
    url,
    `SELECT (SELECT bytes FROM plantao.search_status) AS index, pg_total_relation_size('plantao.messages') AS messages,
            pg_wal_lsn_diff(pg_current_wal_lsn(), '${before?.lsn}') AS wal`,
  );
  const bytes = (total: string | undefined) => shown(Number(total) / messages);
  bench.remark(
    `indexing ${shown(messages)} messages took ${each(took)} a message, ${each(user + system)} of them this program's CPU time; the index has ${bytes(size?.index)} bytes a message (${bytes(size?.wal)} of write-ahead log), the messages themselves ${bytes(size?.messages)}`,
  );
}

function timed(
  name: string,
  times: number,
  work: () => Promise<unknown>,
  around: () => Promise<unknown> = async () => {},
): Contestant {
  return {
    name,
    async round() {
      await around();
      const took = new Float64Array(times);
      for (let at = 0; at < times; at++) {
        const startedAt = performance.now();
        await work();
        took[at] = performance.now() - startedAt;
      }
      await around();
      const { p50, p99 } = latencyOf(took);
      return { p50, p99 };
    },
  };
}

/** Stores messages of eight words on average, whose frequencies are those of a language. Triggers are disabled for speed. */
async function storeMessages(url: string, rows: number): Promise<void> {
  const fragments = makeFragments();
  await sql(
    url,
    `SET session_replication_role = replica;
     SET maintenance_work_mem = '512MB';
     INSERT INTO plantao.users (username) SELECT 'user-' || n FROM generate_series(1, 100) n;
     INSERT INTO plantao.groups (name) SELECT 'group-' || n FROM generate_series(1, ${GROUPS}) n;
     INSERT INTO plantao.memberships (group_id, user_id) SELECT n, ${USER} FROM generate_series(1, ${GROUPS / 2}) n;
     CREATE TEMPORARY TABLE fragments AS
       SELECT n - 1 AS id, text FROM unnest(ARRAY[${fragments.map((one) => `'${one}'`).join(',')}]) WITH ORDINALITY AS f (text, n);
     ALTER TABLE plantao.messages DROP CONSTRAINT messages_pkey;
     DROP INDEX plantao.messages_by_group;
     INSERT INTO plantao.messages (id, group_id, sender_id, content)
       SELECT n, 1 + n % ${GROUPS}, 1 + n % 97, one.text || ' ' || other.text
              || CASE WHEN n % 4 < 2 THEN ' frequente' ELSE '' END
              || CASE WHEN n % 997 = 0 THEN ' ocasional' ELSE '' END
              || CASE WHEN n % ${Math.floor(rows / 19)} = ${GROUPS * 3} THEN ' raridade' ELSE '' END
              || CASE WHEN n % ${Math.floor(rows / 21)} = ${GROUPS * 5} THEN ' 明日の会議は' ELSE '' END
              || CASE WHEN n % ${Math.floor(rows / 23)} = ${GROUPS * 7} THEN ' 37%' ELSE '' END
              || CASE WHEN n % ${GROUPS} >= ${GROUPS / 2} THEN ' alheio' ELSE '' END
       FROM generate_series(1, ${rows}) n
       JOIN fragments one ON one.id = n::bigint * 7919 % ${FRAGMENTS}
       JOIN fragments other ON other.id = n::bigint * 104729 / 13 % ${FRAGMENTS};
     ALTER TABLE plantao.messages ADD PRIMARY KEY (id);
     CREATE INDEX messages_by_group ON plantao.messages (group_id, id) INCLUDE (sender_id);
     SELECT setval('plantao.messages_id_seq', ${rows});`,
  );
  await sql(url, 'VACUUM ANALYZE plantao.messages');
}

/** Returns pieces of sentences: made-up words of one to five syllables, the more frequent the shorter. */
function makeFragments(): string[] {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const one = (of: readonly string[]) => of[Math.floor(random() * of.length)] ?? '';
  const syllable = () => one(ONSETS) + one(VOWELS) + one(CODAS);
  const words = Array.from({ length: VOCABULARY }, (_, rank) =>
    Array.from({ length: 1 + Math.floor(Math.log10(rank + 1)) }, syllable).join(''),
  );
  const word = () => words[Math.floor(VOCABULARY ** random()) - 1] ?? '';
  return Array.from({ length: FRAGMENTS }, () => Array.from({ length: 4 }, word).join(' '));
}
