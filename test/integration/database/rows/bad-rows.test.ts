import { expect } from 'chai';
import type pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { localNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { chatCalls } from '../../chat-calls.ts';
import { LogNode } from '../../delivery/delivery-node.ts';

const HUGE = '9007199254740992';
const MESSAGE = 'INSERT INTO plantao.messages (group_id, sender_id, content';
const EVENT = 'INSERT INTO plantao.events (position, kind, group_id, user_id, message_id, topic, payload, at)';

/** Statements in psql whose rows no node could read or show. */
const REFUSED: [what: string, sql: string][] = [
  ['a message with an infinite time', `${MESSAGE}, created_at) VALUES (1, 1, 'x', 'infinity')`],
  ['a message with the time -infinity', `${MESSAGE}, created_at) VALUES (1, 1, 'x', '-infinity')`],
  ['a message of the year 294276', `${MESSAGE}, created_at) VALUES (1, 1, 'x', '294276-01-01')`],
  ['a message of the year 10000', `${MESSAGE}, created_at) VALUES (1, 1, 'x', '10000-01-02')`],
  ['a message from before Christ', `${MESSAGE}, created_at) VALUES (1, 1, 'x', '0044-03-15 BC')`],
  ['an update of a message to an infinite time', "UPDATE plantao.messages SET created_at = 'infinity'"],
  ['a message of 64 MB', `${MESSAGE}) VALUES (1, 1, repeat('x', 67108864))`],
  ['a message of 4097 characters', `${MESSAGE}) VALUES (1, 1, repeat('é', 4097))`],
  ['a message whose id is 2^53', `${MESSAGE}, id) VALUES (1, 1, 'x', ${HUGE})`],
  ['a user with a negative id', "INSERT INTO plantao.users (id, username) VALUES (-1, 'minus')"],
  ['a user with an infinite time', "INSERT INTO plantao.users (username, created_at) VALUES ('late', 'infinity')"],
  ['a group whose id is 2^53', `INSERT INTO plantao.groups (id, name) VALUES (${HUGE}, 'x')`],
  ['a membership with an infinite time', "UPDATE plantao.memberships SET joined_at = 'infinity'"],
  [
    'a pause by a role with a name of a megabyte',
    "INSERT INTO plantao.pauses (until, asked_by) VALUES (clock_timestamp() + interval '1 hour', repeat('x', 1000000))",
  ],
  [
    'a request by such a role',
    "INSERT INTO plantao.switchover_requests (term, asked_by) VALUES (1, repeat('x', 1000000))",
  ],
  ['an epoch with a history of a megabyte', "UPDATE plantao.epochs SET history = repeat('x', 1000000)"],
  ['a term with an endless lease', "UPDATE plantao.leader_terms SET lease = '100000 years'"],
  ['a token that never expires', "INSERT INTO plantao.tokens VALUES (sha256('x'), 1, now(), 'infinity')"],
  ['a term that began at -infinity', "UPDATE plantao.leader_terms SET started_at = '-infinity'"],
  ['a term with a reason of a megabyte', "UPDATE plantao.leader_terms SET reason = repeat('x', 1000000)"],
  ['a node with an infinite heartbeat time', "UPDATE plantao.nodes SET heartbeat_at = 'infinity'"],
  ['a node with a URL of a megabyte', "UPDATE plantao.nodes SET url = repeat('x', 1000000)"],
  ['an event with an infinite time', "UPDATE plantao.events SET at = 'infinity'"],
  ['an event at 2^53', `${EVENT} VALUES (${HUGE}, 'broadcast', null, null, null, null, null, now())`],
  ['an event joined without a user', `${EVENT} VALUES (10000000, 'joined', 1, null, null, null, null, now())`],
  ['a payload of 200 KB', "SELECT plantao.notify_group('x', to_jsonb(repeat('x', 200000)))"],
  ['a payload that is large only as text', "SELECT plantao.notify_group('x', '[1e131000, 1e131000]')"],
  ['a payload nested 1,000 deep', "SELECT plantao.notify_group('x', (repeat('[', 1000) || repeat(']', 1000))::jsonb)"],
  ['a topic of a megabyte', "SELECT plantao.notify_group(repeat('x', 1000000))"],
];

describe('One bad row', () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;
  const { on, both, newGroup, send } = chatCalls(nodes);

  for (const [what, sql] of REFUSED) {
    it(`is refused by the schema: ${what}`, async () => {
      await client.query(sql).then(
        () => expect.fail('it was stored'),
        (error: pg.DatabaseError) => expect(error.code).to.equal('23514'),
      );
    });
  }

  it('is refused for every column of text, JSON or bytes, because each has a limit of its size', async () => {
    const { rows } = await client.query(`
      SELECT c.relname || '.' || a.attname AS unlimited
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'plantao'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
        AND a.attlen = -1 AND a.atttypmod = -1
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))`);
    expect(rows).to.deep.equal([]);
  });

  it('is refused before PostgreSQL works on it, if its numbers have too many digits there', async () => {
    const numbers = (length: number, number: number) => Array.from({ length }, () => number);
    await client.query('BEGIN; SELECT plantao.lock_log()');
    try {
      for (const payload of [numbers(2000, 1e300), { a: [numbers(2000, -1.5e308)] }, numbers(2000, 1e-300)]) {
        const { status, body } = await post(on('/notify/large'), { payload });
        expect([status, body.code]).to.deep.equal([413, 'too_large']);
      }
      for (const meta of [{ numbers: numbers(500, 1e300) }, { a: { b: numbers(40, Number.MIN_VALUE) } }]) {
        const { status, body } = await post(on('/messages'), { userId: 1, groupId: 1, content: 'x', meta });
        expect([status, body.code]).to.deep.equal([413, 'meta_too_large']);
      }
    } finally {
      await client.query('ROLLBACK');
    }
    const { status } = await post(on('/notify/large'), { payload: numbers(300, 1e300) });
    expect(status, 'just below the limit').to.equal(200);
  });

  it('is skipped and logged once if the schema does not refuse it, and the others are read', async () => {
    const groupId = await newGroup('Linhas ruins');
    await send(groupId, 'before');
    const dropConstraints = `DO $$ DECLARE c record; BEGIN
      FOR c IN SELECT conrelid::regclass AS t, conname AS n FROM pg_constraint
               WHERE contype = 'c' AND connamespace = 'plantao'::regnamespace
      LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.n); END LOOP; END $$`;
    // It locks every table, and may deadlock with a node that writes its row.
    await eventually(
      'the constraints are dropped',
      () =>
        client.query(dropConstraints).then(
          () => true,
          ({ code }: pg.DatabaseError) => code !== '40P01' && expect.fail(`SQLSTATE ${code}`),
        ),
      { within: 60_000 },
    );
    const { body: start } = await get<{ cursor: string }>(on('/chats?userId=1'));
    await client.query(`
      ${MESSAGE}, created_at) VALUES (${groupId}, 1, 'never', 'infinity');
      ${MESSAGE}, created_at) VALUES (${groupId}, 1, 'late', '294276-01-01');
      ${MESSAGE}, created_at) VALUES (${groupId}, 1, 'early', '-infinity');
      ${MESSAGE}) VALUES (${groupId}, 1, repeat('x', 2000000));
      UPDATE plantao.leader_terms SET started_at = '-infinity' WHERE ended_at IS NOT NULL;
      INSERT INTO plantao.nodes (node, url, pid, version, role, started_at, heartbeat_at)
        VALUES ('odd', 'http://localhost:1', 1, '0', 'standby', 'infinity', 'infinity'),
               ('old', 'http://localhost:1', 1, '0', 'standby', '-infinity', '-infinity');
      SELECT plantao.lock_log();
      ${EVENT} VALUES (plantao.log_head() + 1, 'of a later version', ${groupId}, null, null, null, '1', now());
      ${EVENT} VALUES (plantao.log_head() + 1, 'reaction', ${groupId}, null, 1, null, '{"cursor": "x", "kind": "broadcast"}', now());
      SELECT plantao.notify_group('Linhas ruins', '1e400')`);
    await send(groupId, 'after');
    const poll = `/subscribe/status?groupId=${groupId}&cursor=${start.cursor}`;
    for (const { url } of [nodes.active, nodes.standby])
      await eventually(`${url} has read the last message`, async () =>
        (await get(url + poll)).text.includes('"after"'),
      );
    await both(poll, ({ status, text, body }) => {
      expect(status, text).to.equal(200);
      const events = body.events as { kind: string; message?: { content: string } }[];
      expect(events.map(({ kind, message }) => message?.content ?? kind)).to.deep.equal(['notification', 'after']);
      expect(text).to.include(`"payload":1${'0'.repeat(400)}`);
    });
    await both(`/messages?groupId=${groupId}`, ({ status, body }) => {
      expect(status).to.equal(200);
      const contents = (body.messages as { content: string }[]).map(({ content }) => content);
      expect(contents).to.include('after').and.not.include('never');
    });
    for (const path of ['/chats?userId=1', '/users', '/cluster', '/readiness', `/group-users?groupId=${groupId}`]) {
      await both(path, ({ status }) => expect(status, path).to.equal(200));
    }
    for (const { entries } of [nodes.active, nodes.standby]) {
      const skipped = entries.filter(({ event }) => event === 'event_skipped');
      expect(skipped.map(({ position }) => position)).to.have.length(5);
      expect(entries.filter(({ event }) => event === 'unknown_event_kind')).to.have.length(1);
      for (const entry of skipped) entries.splice(entries.indexOf(entry), 1);
      // No other error: each node still writes its own row.
      expect(entries.filter(({ level }) => level >= 50)).to.deep.equal([]);
    }
  });

  it('does not stop a node from starting', async () => {
    const node = localNode({ DATABASE_URL: nodes.database.url, PORT: '0', NODE_NAME: 'third', IS_ACTIVE: 'false' });
    await node.start();
    try {
      await eventually('it is ready', async () => (await get(`${node.url}/readiness`)).status === 200);
    } finally {
      await node.stop();
    }
  });
});

describe('A page of the log', function () {
  this.timeout(90_000);
  const { database, sql: client } = useDatabase();
  let node: LogNode;

  before(async () => {
    node = await LogNode.start({ url: database.url, maxInMemory: 8 });
  });
  after(async () => {
    await node?.stop();
  });

  it('is bounded by bytes, both when the log is read and when a client catches up', async () => {
    const payload = JSON.stringify({ x: 'x'.repeat(65_000) });
    const { cursor } = await node.log.read().then(() => ({ cursor: node.log.known.cursorAt(node.log.known.head) }));
    await client.query("SELECT plantao.notify_group('a topic', $1) FROM generate_series(1, 200)", [payload]);
    await node.log.read();
    expect(node.log.known.head).to.equal(200);
    const pages = [...node.logSession.asked].filter(([name]) => name.startsWith('log_page_'));
    expect(
      pages.reduce((sum, [, times]) => sum + times, 0),
      'pages',
    ).to.be.above(12);
    let from = cursor;
    const { GroupOrNameAudience } = await import('../../../../src/chat/delivery/audiences.ts');
    const heard: JsonObject[] = [];
    for (let polls = 0; heard.length < 200; polls++) {
      expect(polls, 'polls').to.be.below(200);
      const { delivery } = await node.poll(new GroupOrNameAudience('a topic', null), from);
      expect(delivery?.events.length, 'events of a delivery').to.be.within(1, 16);
      heard.push(...(delivery?.events ?? []).map((event) => ({ position: event.position })));
      from = delivery?.cursor ?? '';
    }
    expect(heard.map(({ position }) => position)).to.deep.equal(Array.from({ length: 200 }, (_, at) => at + 1));
  });

  it('is halved if reading it times out', async () => {
    const before = node.log.known.head;
    await client.query("SELECT plantao.notify_group('a topic', to_jsonb(n)) FROM generate_series(1, 600) n");
    const sizes: string[] = [];
    node.logSession.before = async (name) => {
      if (!name.startsWith('log_page_')) return;
      sizes.push(name);
      const size = Number(name.split('_')[2]);
      if (size > 100) throw Object.assign(new Error('canceling statement'), { code: '57014' });
    };
    await node.log.read();
    node.logSession.before = null;
    expect(node.log.known.head).to.equal(before + 600);
    expect(sizes.slice(0, 3)).to.deep.equal(['log_page_500', 'log_page_250', 'log_page_125']);
  });

  it('is cut down to a row that PostgreSQL cannot read, and reading continues after it', async () => {
    const before = node.log.known.head;
    await client.query("SELECT plantao.notify_group('a topic', to_jsonb(n)) FROM generate_series(1, 40) n");
    const bad = before + 17;
    node.logSession.before = async (name) => {
      const size = Number(name.split('_')[2]);
      const [from, to] = [node.log.known.head, node.log.known.head + size];
      const isHit = name.startsWith('log_page_') && from < bad && bad <= to;
      if (isHit) throw Object.assign(new Error('missing chunk number 0'), { code: 'XX001' });
    };
    await node.log.read();
    node.logSession.before = null;
    expect(node.log.known.head).to.equal(before + 40);
    expect(node.events.filter(({ position, json }) => position > before && json === null)).to.have.length(1);
  });

  it('is read again if it has one event and times out: a lock may be the cause', async () => {
    const before = node.log.known.head;
    node.logSession.before = async (name) => {
      if (name.startsWith('log_page_')) throw Object.assign(new Error('canceling statement'), { code: '57014' });
    };
    await client.query("SELECT plantao.notify_group('a topic')");
    const failed = await node.log.read().then(
      () => null,
      (error: { code?: string }) => error.code,
    );
    expect(failed).to.equal('57014');
    expect(node.log.known.head).to.equal(before);
    node.logSession.before = null;
    await eventually('the event is read', async () => {
      await node.log.read();
      return node.log.known.head === before + 1;
    });
    expect(node.events.at(-1)?.json).to.be.a('string');
  });
});
