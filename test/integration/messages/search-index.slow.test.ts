import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';

/** Words of which the messages are made: the rarer, the later in the list. */
const WORDS = [
  'casa',
  'reunião',
  'amanhã',
  'projeto',
  'entrega',
  'código',
  'revisão',
  'almoço',
  '会議室',
  'xadrez',
  'zênite',
];
const PLAIN: Record<string, string> = { ã: 'a', ó: 'o', ç: 'c', ê: 'e', á: 'a' };
/** Finds that are compared. */
const MAX_FOUND = 150;
const plain = (text: string) => text.replace(/[ãóçêá]/g, (one) => PLAIN[one] ?? one);

interface Row {
  id: number;
  group_id: number;
  sender_id: number;
  content: string;
}

describe('The search index', function () {
  this.timeout(120_000);
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const { on, newGroup, send } = chatCalls(nodes);
  let groups: number[];
  let foreign: number;

  before(async () => {
    groups = [await newGroup('Um', ['bruno_orm']), await newGroup('Dois', ['bruno_orm']), await newGroup('Três')];
    foreign = (await request('POST', on('/create-chat'), { body: { groupName: 'x', creatorId: 2, members: [] } })).body
      .group_id as number;
  });

  /** Stores messages of pseudo-random words in these groups. */
  const store = (count: number, into: number[]) =>
    sql.query(
      `INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT ($2::bigint[])[1 + (n * 7919) % cardinality($2::bigint[])], 1 + n % 2,
              (SELECT string_agg(($3::text[])[1 + floor(cardinality($3::text[]) * power(('x' || substr(md5(n || '-' || k), 1, 6))::bit(24)::int / 16777216.0, 3))::int], ' ')
               FROM generate_series(1, 1 + n % 6) k) || ' ' || n
       FROM generate_series(1, $1::int) n`,
      [count, into, WORDS],
    );
  const isIndexed = () =>
    eventually(
      'everything is indexed',
      async () => {
        const { rows } = await sql.query('SELECT is_complete, behind FROM plantao.search_status');
        return rows[0]?.is_complete === true && Number(rows[0]?.behind) === 0;
      },
      { within: 50_000 },
    );
  const generation = async () => (await sql.query('SELECT generation FROM plantao.search_index')).rows[0].generation;
  const rowsOf = async (group: number): Promise<{ chunks: number; after_id: number; last_id: number }[]> =>
    (
      await sql.query(
        'SELECT cardinality(ends) AS chunks, after_id, last_id FROM plantao.message_search WHERE group_id = $1 ORDER BY after_id',
        [group],
      )
    ).rows;

  /** Pages through a search and returns the ids of what it finds, of a common word those of the first pages. */
  async function search(q: string, more: JsonObject = {}): Promise<number[]> {
    const found: number[] = [];
    for (let before: unknown = null; ; ) {
      const query = { userId: 1, q, limit: 37, ...more, ...(before === null ? {} : { before }) };
      const { status, body } = await get(
        on(`/search?${new URLSearchParams(query as unknown as Record<string, string>)}`),
      );
      // On a busy machine a search may reach its time limit before it has read anything.
      if (status === 503) continue;
      expect(status, JSON.stringify(body)).to.equal(200);
      found.push(...(body.messages as { id: number }[]).map(({ id }) => id));
      before = body.next_before;
      if (before === null || found.length > MAX_FOUND) return found.slice(0, MAX_FOUND);
    }
  }
  const all = async (): Promise<Row[]> => {
    const { rows } = await sql.query(
      `SELECT id::int, group_id::int, sender_id::int, content FROM plantao.messages WHERE group_id <> $1 ORDER BY id DESC`,
      [foreign],
    );
    return rows;
  };
  const QUERIES: [q: string, matches: (content: string) => boolean][] = [
    ['casa', (text) => text.includes('casa')],
    ['zenite', (text) => text.includes('zênite')],
    ['ZÊNITE xadrez', (text) => text.includes('zênite') && text.includes('xadrez')],
    ['"xadrez casa"', (text) => text.includes('xadrez casa')],
    ['adre', (text) => text.includes('adre')],
    ['議室', (text) => text.includes('議室')],
    ['室', (text) => text.includes('室')],
    ['revisao 17', (text) => plain(text).includes('revisao') && / 17$/.test(text)],
    ['1234', (text) => text.includes('1234')],
    ['inexistente', () => false],
    ['to"', (text) => text.includes('to"')],
  ];
  async function expectSameAsReading(): Promise<void> {
    const messages = await all();
    for (const [q, matches] of QUERIES) {
      const expected = messages.filter(({ content }) => matches(content));
      expect(await search(q), q).to.deep.equal(expected.map(({ id }) => id).slice(0, MAX_FOUND));
    }
    const [group] = groups;
    const narrowed = messages.filter(
      (one) => one.group_id === group && one.sender_id === 2 && one.content.includes('xadrez'),
    );
    expect(await search('xadrez', { groupId: group, senderId: 2 })).to.deep.equal(
      narrowed.map(({ id }) => id).slice(0, MAX_FOUND),
    );
  }

  it('finds the same as reading all messages', async () => {
    await store(3000, groups);
    await store(500, [foreign]);
    await isIndexed();
    const rows = await rowsOf(groups[0] ?? 0);
    expect(rows.map(({ chunks }) => chunks)).to.deep.equal([16, 16, 16, 12]);
    expect(rows[1]?.after_id).to.equal(rows[0]?.last_id);
    await expectSameAsReading();
  });

  it('adds to its last row what is posted later', async () => {
    const [group = 0] = groups;
    await store(500, [group]);
    await isIndexed();
    expect((await rowsOf(group)).map(({ chunks }) => chunks)).to.deep.equal([16, 16, 16, 16, 16, 12]);
    await expectSameAsReading();
  });

  it('follows edits of indexed messages, and new messages with older ids', async () => {
    const [group = 0, other = 0] = groups;
    const [first, last] = [(await all()).at(-1), (await all()).at(40)];
    for (const message of [first, last]) {
      await sql.query(`UPDATE plantao.messages SET content = 'quetzal' WHERE id = $1`, [message?.id]);
    }
    // The new texts are found at once, although the index has not followed yet.
    expect(await search('quetzal')).to.deep.equal([last?.id, first?.id]);
    await isIndexed();
    expect(await search('quetzal')).to.deep.equal([last?.id, first?.id]);
    await sql.query('DELETE FROM plantao.messages WHERE id = $1', [last?.id]);
    await sql.query(
      `INSERT INTO plantao.messages (id, group_id, sender_id, content) VALUES ($1, $2, 1, 'quetzal tardio')`,
      [last?.id, other],
    );
    expect(await search('quetzal')).to.deep.equal([last?.id, first?.id]);
    await isIndexed();
    expect(await search('quetzal')).to.deep.equal([last?.id, first?.id]);
    expect(await search('tardio', { groupId: group })).to.deep.equal([]);
  });

  it('is built again on request, and searches find everything meanwhile', async () => {
    const before = await generation();
    await sql.query('SELECT plantao.rebuild_search()');
    expect(await search('zenite')).to.have.length.above(3);
    expect(await generation()).to.equal(before + 1);
    await isIndexed();
    await expectSameAsReading();
  });

  it('is built again although its generation is the highest integer', async () => {
    await sql.query('UPDATE plantao.search_index SET generation = 2147483647, position = position + 1000000');
    await eventually('the first generation', async () => (await generation()) === 1, { within: 20_000 });
    await isIndexed();
    await expectSameAsReading();
  });

  it('is built again when the log no longer has the events that it needs', async () => {
    const before = await generation();
    await sql.query('UPDATE plantao.search_index SET position = position + 1000000');
    await eventually('a new generation', async () => (await generation()) === before + 1, { within: 20_000 });
    await isIndexed();
    await expectSameAsReading();
  });

  it('is not used by a version that computes other hashes, and is built again by the active node', async () => {
    const before = await generation();
    const [message] = await all();
    // As if another version had left an index in which nothing is found.
    await sql.query('UPDATE plantao.message_search SET slices = array_fill(0::smallint, ARRAY[3936])');
    await sql.query('UPDATE plantao.search_index SET format = format + 1');
    expect(await search(`"${message?.content}"`)).to.include(message?.id);
    await eventually('a new generation', async () => (await generation()) === before + 1, { within: 20_000 });
    await isIndexed();
    await expectSameAsReading();
  });

  it('is started again when its rows are gone, without an effect on posts', async () => {
    await sql.query('TRUNCATE plantao.search_index');
    const { message_id } = await send(groups[1] ?? 0, 'sem índice');
    expect(await search('"sem indice"')).to.deep.equal([message_id]);
    await isIndexed();
    await expectSameAsReading();
  });

  it('forgets the groups that are deleted', async () => {
    const [group = 0] = groups;
    await isIndexed();
    expect(await rowsOf(group)).to.have.length.above(0);
    await sql.query('DELETE FROM plantao.groups WHERE id = $1', [group]);
    expect(await rowsOf(group)).to.deep.equal([]);
    await send(groups[1] ?? 0, 'depois');
    expect(await search('depois')).to.have.length(1);
  });
});
