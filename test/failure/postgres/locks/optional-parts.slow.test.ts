import { expect } from 'chai';
import pg from 'pg';
import type { MessagePage } from '../../../../src/client/types.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { withSession } from '../../../support/postgres/with-session.ts';

const LEASE_MS = 1000;
/** Far below every time-out of a statement. */
const AT_ONCE_MS = 1500;

/** Locks of a DBA, held for hours, on parts that storing a message or promoting a node does not need. */
const HOLDS: [what: string, sql: string][] = [
  ["this node's row in plantao.nodes", "SELECT FROM plantao.nodes WHERE node = 'node-a' FOR UPDATE"],
  ['the table plantao.nodes, as CREATE INDEX', 'LOCK TABLE plantao.nodes IN SHARE MODE'],
  ['the table plantao.nodes, as VACUUM FULL', 'LOCK TABLE plantao.nodes IN ACCESS EXCLUSIVE MODE'],
  ['plantao.switchover_requests', 'LOCK TABLE plantao.switchover_requests IN ACCESS EXCLUSIVE MODE'],
  ['the row of plantao.event_log', 'SELECT FROM plantao.event_log FOR UPDATE'],
  ['plantao.sign_in_attempts', 'LOCK TABLE plantao.sign_in_attempts IN ACCESS EXCLUSIVE MODE'],
  ['plantao.tokens', 'LOCK TABLE plantao.tokens IN SHARE MODE'],
  ['plantao.pauses', 'LOCK TABLE plantao.pauses IN ACCESS EXCLUSIVE MODE'],
  ['plantao.cluster', 'LOCK TABLE plantao.cluster IN ACCESS EXCLUSIVE MODE'],
  [
    'the search index',
    'LOCK TABLE plantao.search_index, plantao.search_segments, plantao.message_search IN ACCESS EXCLUSIVE MODE',
  ],
];

describe('A transaction that stays open', () => {
  const nodes = useTwoNodes({ LEASE_MS: String(LEASE_MS) });
  const dba = nodes.sql;
  afterEach(() => dba.query('ROLLBACK'));
  // A node that has just started has not written its row, and one that has just become active has not read those of the nodes.
  beforeEach(async () => {
    for (const { url } of both()) {
      const listed = async () => (await get<{ nodes: unknown[] }>(`${url}/cluster`)).body.nodes.length === 2;
      await eventually('both nodes are listed', listed);
    }
  });

  const both = () => [nodes.active, nodes.standby];
  const active = () =>
    eventually('one node is active', async () => {
      const healths = await Promise.all(both().map(({ url }) => get(`${url}/health`)));
      return both().find((_, at) => healths[at]?.body.active === true);
    });
  const demotions = () => both().flatMap(({ entries }) => entries.filter(({ event }) => event === 'demoted')).length;
  const send = async (url: string) => {
    const sent = await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'goes on' });
    expect(sent.status, sent.text).to.equal(200);
    expect(sent.ms).to.be.below(AT_ONCE_MS);
  };

  for (const [what, sql] of HOLDS) {
    it(`on ${what} delays no post, read, poll, heartbeat or promotion`, async () => {
      const { url } = await active();
      const before = demotions();
      await dba.query('BEGIN');
      await dba.query(sql);
      // Long enough for each periodic work to have met the lock, and for a lease to end.
      const until = performance.now() + 2 * LEASE_MS;
      while (performance.now() < until) {
        const [page, cluster, poll] = await Promise.all([
          get(`${url}/messages?groupId=1`),
          get<{ nodes: unknown[] }>(`${url}/cluster`),
          get(`${url}/subscribe/status?groupId=1&timeout=5`),
          send(url),
        ]);
        expect(page.status).to.equal(200);
        expect(cluster.status, cluster.text).to.equal(200);
        expect(cluster.ms).to.be.below(AT_ONCE_MS);
        expect(cluster.body.nodes).to.have.length(2);
        expect([200, 204]).to.include(poll.status);
        expect((await get(`${url}/readiness`)).status).to.equal(200);
      }
      expect(demotions(), 'demotions').to.equal(before);
      const endedAt = performance.now();
      await withSession(nodes.database.url, (other) =>
        other.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder'),
      );
      // A node says that it is active until it notices that its session has ended.
      await eventually('a post is accepted', async () => {
        await send((await active()).url);
        return true;
      });
      expect(performance.now() - endedAt).to.be.below(AT_ONCE_MS + LEASE_MS);
    });
  }

  for (const table of ['reactions', 'reaction_counts']) {
    it(`on plantao.${table} delays one read of messages, and none after it; they say that they lack reactions`, async () => {
      const { url } = await active();
      await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'read without reactions' });
      await dba.query('BEGIN');
      await dba.query(`LOCK TABLE plantao.${table} IN ACCESS EXCLUSIVE MODE`);
      for (const within of [10_000, AT_ONCE_MS]) {
        const page = await get<MessagePage>(`${url}/messages?groupId=1&limit=1`);
        expect(page.status, page.text).to.equal(200);
        expect(page.body.incomplete).to.deep.equal(['reactions']);
        expect(page.body.messages.map(({ content }) => content)).to.deep.equal(['read without reactions']);
        expect(page.ms).to.be.below(within);
      }
      await dba.query('ROLLBACK');
      expect((await get<MessagePage>(`${url}/messages?groupId=1&limit=1`)).body).not.to.have.property('incomplete');
    });
  }

  it('on plantao.reactions (an ALTER TABLE waits for it) or on its index delays one read of messages', async () => {
    const { url } = await active();
    await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'read without reactions' });
    const { rows } = await dba.query(
      "SELECT indexrelid::regclass AS index FROM pg_index WHERE indrelid = 'plantao.reactions'::regclass LIMIT 1",
    );
    const other = new pg.Client({ connectionString: nodes.database.url });
    await other.connect();
    try {
      // As pg_dump.
      await dba.query('BEGIN; LOCK TABLE plantao.reactions IN ACCESS SHARE MODE');
      const altered = other.query('ALTER TABLE plantao.reactions ALTER COLUMN emoji SET STORAGE EXTENDED');
      const isWaiting = async () =>
        (await dba.query("SELECT FROM pg_locks WHERE NOT granted AND relation = 'plantao.reactions'::regclass"))
          .rowCount === 1;
      await eventually('ALTER TABLE waits', isWaiting);
      expect((await get<MessagePage>(`${url}/messages?groupId=1&limit=1`)).body.incomplete).to.deep.equal([
        'reactions',
      ]);
      await dba.query('ROLLBACK');
      await altered;
      await dba.query(`BEGIN; REINDEX INDEX ${rows[0].index}`);
      expect((await get<MessagePage>(`${url}/messages?groupId=1&limit=1`)).body.incomplete).to.deep.equal([
        'reactions',
      ]);
      await dba.query('ROLLBACK');
    } finally {
      await other.end();
    }
    expect((await get<MessagePage>(`${url}/messages?groupId=1&limit=1`)).body).not.to.have.property('incomplete');
  });
});
