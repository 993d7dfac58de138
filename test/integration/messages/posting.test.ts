import { expect } from 'chai';
import pg from 'pg';
import { Refused } from '../../../src/chat/errors.ts';
import { MessageWriter, type MessageWriterOptions } from '../../../src/chat/posting/message-writer.ts';
import type { Post, Posted } from '../../../src/chat/posting/post.ts';
import { WARM_UP_POST } from '../../../src/chat/posting/writer-health.ts';
import { connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession, SessionLostError } from '../../../src/database/session/database-session.ts';
import { ReconnectingSession } from '../../../src/database/session/reconnecting-session.ts';
import { eventually } from '../../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

const MEMBER = 1;
const OTHER = 2;
const STRANGER = 3;
const NOBODY = 999;
const GROUPS = [1, 2, 3];

/** Counts the plans that a session has cached. */
const PLANS = `SELECT count(*)::int AS plans FROM pg_backend_memory_contexts WHERE name IN ('SPI Plan', 'CachedPlan')`;

describe('Posting to PostgreSQL', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  let session: ReconnectingSession;

  const writerOf = (more: Partial<MessageWriterOptions> = {}) =>
    new MessageWriter({
      session,
      fencingToken: () => 1,
      membersOnly: true,
      commitLimitMs: 8000,
      isReplicated: async () => true,
      ...more,
    });
  const post = (content: string, more: Partial<Post> = {}): Post => ({
    senderId: MEMBER,
    groupId: 1,
    content,
    key: null,
    mustReplicate: false,
    ...more,
  });
  const outcome = (posted: Promise<Posted>) =>
    posted.then(
      ({ repeated }) => (repeated ? 'repeated' : 'sent'),
      (error: unknown) => (error instanceof Refused ? error.code : String(error)),
    );
  const stored = async (like: string) => {
    const { rows } = await admin.query(
      'SELECT id, group_id, content FROM plantao.messages WHERE content LIKE $1 ORDER BY id',
      [like],
    );
    return rows as { id: string; group_id: string; content: string }[];
  };
  /** Posts them as one batch: another commit is in progress when they arrive. */
  const together = async (writer: MessageWriter, posts: Post[]) => {
    const first = writer.post(post('the one under way'));
    const outcomes = posts.map((one) => outcome(writer.post(one)));
    await first;
    return Promise.all(outcomes);
  };

  before(async () => {
    database = await createDatabase();
    admin = new pg.Client(database.url);
    await admin.connect();
    await admin.query(`
      INSERT INTO plantao.users (id, username) VALUES (1, 'member'), (2, 'other'), (3, 'stranger');
      INSERT INTO plantao.groups (id, name) SELECT n, 'group ' || n FROM generate_series(1, 3) n;
      INSERT INTO plantao.memberships (group_id, user_id) SELECT g, u FROM generate_series(1, 3) g, generate_series(1, 2) u;
      INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason)
        VALUES (1, 'test', 'http://localhost', 1, 'a test');`);
    session = new ReconnectingSession(connectionOptions(database.url, 'plantao:test:writer', 8000));
    await session.ready();
  });
  after(async () => {
    await session.stop();
    await admin.end();
    await database.drop();
  });

  it('returns a result for each post of a batch: a refused one does not affect the others', async () => {
    const outcomes = await together(writerOf(), [
      post('batch: good'),
      post('batch: from nobody', { senderId: NOBODY }),
      post('batch: to no group', { groupId: NOBODY }),
      post('batch: from a stranger', { senderId: STRANGER }),
      post('batch: good too', { senderId: OTHER, groupId: 2 }),
    ]);
    // Non-members do not learn which groups exist.
    expect(outcomes).to.deep.equal(['sent', 'user_not_found', 'not_a_member', 'not_a_member', 'sent']);
    expect((await stored('batch: %')).map(({ content }) => content)).to.deep.equal(['batch: good', 'batch: good too']);
  });

  it('stores posts of non-members to existing groups if membership is not required', async () => {
    const writer = writerOf({ membersOnly: false });
    expect(await outcome(writer.post(post('open', { senderId: STRANGER })))).to.equal('sent');
    expect(await outcome(writer.post(post('open', { groupId: NOBODY })))).to.equal('group_not_found');
  });

  it('stores the other posts of a batch if one cannot be stored', async () => {
    const outcomes = await together(writerOf(), [post('nul: one'), post('nul: \0'), post('nul: two')]);
    expect(outcomes[0]).to.equal('sent');
    expect(outcomes[1]).to.contain('invalid byte sequence');
    expect(outcomes[2]).to.equal('sent');
    expect(await stored('nul: %')).to.have.length(2);
  });

  it('stores the other posts while another session locks the row of a sender or a group, and refuses that one', async () => {
    const short = new ReconnectingSession(
      connectionOptions(database.url, 'plantao:test:short', 8000, { lock_timeout: 300 }),
    );
    await short.ready();
    try {
      const writer = writerOf({ session: short });
      const rows: [lock: string, own: Partial<Post>, sent: Partial<Post>][] = [
        ['SELECT FROM plantao.users WHERE id = 2 FOR UPDATE', { senderId: OTHER }, {}],
        ['SELECT FROM plantao.groups WHERE id = 3 FOR UPDATE', { groupId: 3 }, { senderId: OTHER, groupId: 2 }],
      ];
      for (const [lock, own, others] of rows) {
        await admin.query(`BEGIN; ${lock}`);
        const outcomes = await together(writer, [
          post('lock: a', others),
          post('lock: b', own),
          post('lock: c', others),
        ]);
        expect(outcomes[1], lock).to.contain('another transaction holds a lock');
        expect([outcomes[0], outcomes[2]], lock).to.deep.equal(['sent', 'sent']);
        expect(writer.problem).to.equal(null);
        const startedAt = performance.now();
        expect(await outcome(writer.post(post('lock: d', own)))).to.contain('another transaction holds a lock');
        expect(performance.now() - startedAt, 'refused at once').to.be.below(250);
        await admin.query('ROLLBACK');
        await eventually('it is stored again', async () => (await outcome(writer.post(post('again', own)))) === 'sent');
      }
    } finally {
      await admin.query('ROLLBACK');
      await short.stop();
    }
  });

  it('stores a message once for a key that is sent five times at once', async () => {
    const writer = writerOf();
    const same = post('once', { key: 'one key' });
    const posted = await Promise.all(Array.from({ length: 5 }, () => writer.post(same)));
    expect(posted.filter(({ repeated }) => !repeated)).to.have.length(1);
    expect(
      new Set(posted.map(({ messageId, position, sentAt }) => `${messageId} ${position} ${+sentAt}`)).size,
    ).to.equal(1);
    expect(await stored('once')).to.have.length(1);
  });

  it('has separate keys for each sender, and refuses a key that was used for another message', async () => {
    const writer = writerOf();
    await writer.post(post('reused', { key: 'k' }));
    expect(await outcome(writer.post(post('reused', { key: 'k', senderId: OTHER })))).to.equal('sent');
    expect(await outcome(writer.post(post('another text', { key: 'k' })))).to.equal('key_reused');
    expect(await outcome(writer.post(post('reused', { key: 'k', groupId: 2 })))).to.equal('key_reused');
    expect(await stored('another text')).to.have.length(0);
  });

  it('returns the right ids and positions for new, repeated and refused posts of one batch', async () => {
    const writer = writerOf();
    const known = await writer.post(post('mixed: known', { key: 'mixed' }));
    const first = writer.post(post('the one under way'));
    const all = [
      writer.post(post('mixed: new 1')),
      writer.post(post('mixed: known', { key: 'mixed' })),
      writer.post(post('mixed: new 2', { key: 'mixed 2' })),
      writer.post(post('mixed: new 3')),
    ];
    const refused = outcome(writer.post(post('mixed: refused', { senderId: NOBODY })));
    await first;
    const [one, again, two, three] = (await Promise.all(all)) as [Posted, Posted, Posted, Posted];
    expect(await refused).to.equal('user_not_found');
    expect(again).to.deep.equal({ ...known, repeated: true });
    const { rows } = await admin.query(
      `SELECT e.position::int, m.id::int, m.content FROM plantao.events e JOIN plantao.messages m ON m.id = e.message_id
       WHERE m.content LIKE 'mixed: new %' ORDER BY e.position`,
    );
    const acknowledged = [one, two, three].map(({ position, messageId }, at) => {
      return { position, id: messageId, content: `mixed: new ${at + 1}` };
    });
    expect(rows).to.deep.equal(acknowledged);
    expect(two.position - one.position).to.equal(1);
    expect(await outcome(writer.post(post('mixed: new 2', { key: 'mixed 2' })))).to.equal('repeated');
  });

  it('returns the right positions while others write to the log', async () => {
    const writer = writerOf();
    const theirs = (async () => {
      for (let number = 0; number < 40; number++) {
        await admin.query(`INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (2, 2, 'theirs')`);
      }
    })();
    const ours: Posted[] = [];
    for (let round = 0; round < 20; round++) {
      ours.push(...(await Promise.all(GROUPS.map((groupId) => writer.post(post(`ours ${round}`, { groupId }))))));
    }
    await theirs;
    const { rows } = await admin.query(
      'SELECT position::int, message_id::int AS id FROM plantao.events WHERE message_id = ANY($1) ORDER BY position',
      [ours.map(({ messageId }) => messageId)],
    );
    const acknowledged = ours.map(({ position, messageId }) => ({ position, id: messageId }));
    expect(acknowledged.sort((one, other) => one.position - other.position)).to.deep.equal(rows);
  });

  it('keeps the order of each group, and the log without gaps, for two thousand posts', async () => {
    const writer = writerOf();
    const posted = await Promise.all(
      Array.from({ length: 2000 }, (_, number) => {
        return writer.post(post(`many ${String(number).padStart(4, '0')}`, { groupId: 1 + (number % 3) }));
      }),
    );
    const positions = posted.map(({ position }) => position).sort((one, other) => one - other);
    expect((positions.at(-1) ?? 0) - (positions[0] ?? 0)).to.equal(1999);
    expect(new Set(positions).size).to.equal(2000);
    for (const groupId of GROUPS) {
      const contents = (await stored('many %'))
        .filter((row) => Number(row.group_id) === groupId)
        .map((row) => row.content);
      expect(contents).to.deep.equal([...contents].sort());
    }
  });

  /** A session that commits and loses the response, `losses` times: as if the connection broke after the commit. */
  const losing = (losses: number) => ({
    ready: () => session.ready(),
    waitedForStandby: false,
    reconnect: () => {},
    async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
      const rows = await session.query<Row>(query, limitMs);
      if (losses-- > 0) throw new SessionLostError('the response was lost');
      return rows;
    },
  });

  it('stores a post with a key once if the response to its commit is lost, and returns the result', async () => {
    const posted = await writerOf({ session: losing(2) }).post(post('lost with key', { key: 'lost' }));
    expect(posted.repeated).to.equal(true);
    const rows = await stored('lost with key');
    expect(rows.map(({ id }) => Number(id))).to.deep.equal([posted.messageId]);
  });

  it('rejects a post without a key with outcome_unknown if the response is lost, and does not send it again', async () => {
    expect(await outcome(writerOf({ session: losing(1) }).post(post('lost without')))).to.equal('outcome_unknown');
    expect(await stored('lost without')).to.have.length(1);
  });

  it('prepares every plan of the first post in the warm-up, which stores nothing', async () => {
    const heard: unknown[] = [];
    const listener = (notification: pg.Notification) => heard.push(notification.payload);
    admin.on('notification', listener);
    await admin.query('LISTEN plantao_events');
    const traces = `SELECT (SELECT count(*) FROM plantao.events) AS events, (SELECT count(*) FROM plantao.messages) AS messages,
      (SELECT head FROM plantao.log_bounds) AS head, (SELECT last_value FROM plantao.messages_id_seq) AS id`;
    const before = (await admin.query(traces)).rows;
    const cold = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:writer', 8000));
    await cold.query(WARM_UP_POST, 5000);
    expect((await admin.query(traces)).rows).to.deep.equal(before);
    const plans = async () => (await cold.query<{ plans: number }>({ text: PLANS }, 5000))[0]?.plans;
    await plans();
    const warmedUp = await plans();
    const first = await cold.query(
      {
        name: 'post_messages',
        text: 'SELECT * FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])',
        values: [1, true, [MEMBER], [1], ['the first'], ['a key of its own']],
      },
      5000,
    );
    expect(first).to.have.length(1);
    expect(first[0]).to.have.property('outcome', 'sent');
    expect(await plans()).to.equal(warmedUp);
    await cold.close();
    await eventually('the notification of the first post arrives', () => heard.length > 0);
    expect(heard).to.have.length(1);
    await admin.query('UNLISTEN plantao_events');
    admin.off('notification', listener);
  });

  it('does not wait in the warm-up for a transaction that holds the log', async () => {
    await admin.query('BEGIN');
    await admin.query('SELECT plantao.lock_log()');
    const cold = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:writer', 8000));
    await cold.query(WARM_UP_POST, 2000);
    expect(cold.isOpen).to.equal(true);
    await cold.close();
    await admin.query('ROLLBACK');
  });

  it('stores nothing under a closed term', async () => {
    await admin.query('UPDATE plantao.leader_terms SET ended_at = clock_timestamp() WHERE term = 1');
    try {
      expect(await outcome(writerOf().post(post('fenced')))).to.contain('NotActive');
      expect(await stored('fenced')).to.have.length(0);
    } finally {
      await admin.query('UPDATE plantao.leader_terms SET ended_at = NULL WHERE term = 1');
    }
  });
});
