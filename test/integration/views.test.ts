import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { get, post } from '../support/http.ts';
import { useTwoNodes } from '../support/two-nodes.ts';

/** The promise to those who have queries and alarms on the views: these columns stay, in this order and of these types. */
const PROMISED: Record<string, string> = {
  cluster_status: `node text, role text, term bigint, heartbeat_age_ms bigint, url text, version text, pid integer,
    is_primary boolean, position bigint, behind bigint, waiters integer, started_at timestamp with time zone`,
  leader_history: `term bigint, node text, url text, reason text, started_at timestamp with time zone,
    ended_at timestamp with time zone, end_reason text, handed_to text, on_duty_for interval, gap interval`,
  lock_holder: `pid integer, application_name text, usename name, client_addr inet,
    backend_start timestamp with time zone, state text, idle_for interval`,
  group_activity: `group_id bigint, name text, members bigint, last_message_id bigint,
    last_message_at timestamp with time zone, last_sender text`,
  event_log_status: `first_position bigint, head bigint, events bigint, oldest_at timestamp with time zone,
    newest_at timestamp with time zone, epoch text, bytes bigint`,
  event_feed: `position bigint, kind text, group_id bigint, group_name text, topic text, user_id bigint, username text,
    message_id bigint, sender_id bigint, sender text, content text, sent_at timestamp with time zone, payload jsonb,
    at timestamp with time zone`,
};

interface Poll {
  events: { kind: string; message?: { content: string }; payload?: unknown }[];
}

describe('For the DBA', () => {
  const nodes = useTwoNodes();
  let client: pg.Client;
  before(async () => {
    client = new pg.Client({ connectionString: nodes.database.url, application_name: 'a DBA' });
    await client.connect();
  });
  after(() => client.end());
  const sql = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
    (await client.query<Row>(text, values)).rows;

  describe('the views', () => {
    for (const [view, promised] of Object.entries(PROMISED)) {
      it(`plantao.${view} has the columns that it has promised`, async () => {
        const columns = promised.split(',').map((column) => column.trim());
        const rows = await sql<{ column: string }>(
          `SELECT attname || ' ' || format_type(atttypid, atttypmod) AS column FROM pg_attribute
           WHERE attrelid = ('plantao.' || $1)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
          [view],
        );
        expect(rows.map(({ column }) => column).filter((column) => columns.includes(column))).to.deep.equal(columns);
      });
    }

    it('cluster_status has one row a node, and exactly one says active', async () => {
      const rows = await eventually('both have told of themselves', async () => {
        const all = await sql('SELECT node, role, term::int, url, pid, behind::int FROM plantao.cluster_status');
        return (
          all.some(({ role }) => role === 'active') && all.length === 2 && all.every((row) => row.behind === 0) && all
        );
      });
      const [pid, behind] = [process.pid, 0];
      expect(rows).to.deep.equal([
        { node: 'node-a', role: 'active', term: 1, url: nodes.active.url, pid, behind },
        { node: 'node-b', role: 'standby', term: null, url: nodes.standby.url, pid, behind },
      ]);
    });

    it('lock_holder names the session of the active, and no other lock of ours', async () => {
      const rows = await sql(
        `SELECT application_name, state, idle_for < interval '3 seconds' AS alive,
                pid = (SELECT backend_pid FROM plantao.leader_terms WHERE ended_at IS NULL) AS of_the_term
         FROM plantao.lock_holder`,
      );
      const [row] = rows;
      expect(rows).to.have.length(1);
      expect(row).to.include({ application_name: 'plantao:node-a:lock', alive: true, of_the_term: true });
    });

    it('leader_history tells who, why and for how long', async () => {
      const [row] = await sql(
        `SELECT node, url, reason, ended_at, end_reason, handed_to, on_duty_for > interval '0' AS on_duty, gap
         FROM plantao.leader_history`,
      );
      expect(row).to.deep.equal({
        node: 'node-a',
        url: nodes.active.url,
        reason: 'IS_ACTIVE at start',
        ended_at: null,
        end_reason: null,
        handed_to: null,
        on_duty: true,
        gap: null,
      });
    });

    it('group_activity and event_log_status count what was said', async () => {
      const { body } = await post(`${nodes.active.url}/messages`, { userId: 2, groupId: 1, content: 'oi' });
      const [group] = await sql(
        `SELECT name, members::int, last_message_id::int, last_sender, last_message_at IS NOT NULL AS dated
         FROM plantao.group_activity WHERE group_id = 1`,
      );
      const last = { last_message_id: body.message_id, last_sender: 'bruno_orm', dated: true };
      expect(group).to.deep.equal({ name: 'Grupo Geral', members: 2, ...last });
      const [log] = await sql(
        'SELECT first_position::int, head::int, events::int, epoch, bytes > 0 AS kept FROM plantao.event_log_status',
      );
      const [epoch, position] = String(body.cursor).split('-');
      expect(log).to.deep.equal({
        first_position: 1,
        head: Number(position),
        events: Number(position),
        epoch,
        kept: true,
      });
    });
  });

  describe('every thing in the schema has a COMMENT:', () => {
    const bare = async (text: string) => (await sql<{ thing: string }>(text)).map(({ thing }) => thing);

    it('the schema itself, tables and views', async () => {
      expect(
        await bare(
          `SELECT c.oid::regclass::text AS thing FROM pg_class c
           WHERE relnamespace = 'plantao'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
             AND obj_description(oid, 'pg_class') IS NULL
           UNION SELECT 'schema' WHERE obj_description('plantao'::regnamespace, 'pg_namespace') IS NULL`,
        ),
      ).to.deep.equal([]);
    });
    it('columns', async () => {
      expect(
        await bare(
          `SELECT format('%s.%s', attrelid::regclass, attname) AS thing
           FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
           WHERE relnamespace = 'plantao'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND attnum > 0
             AND NOT attisdropped AND NOT relispartition AND col_description(attrelid, attnum) IS NULL`,
        ),
      ).to.deep.equal([]);
    });
    it('functions, and no function is left open to a search path', async () => {
      expect(
        await bare(
          `SELECT oid::regprocedure::text AS thing FROM pg_proc
           WHERE pronamespace = 'plantao'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL`,
        ),
      ).to.deep.equal([]);
      expect(
        await bare(
          `SELECT oid::regprocedure::text AS thing FROM pg_proc
           WHERE pronamespace = 'plantao'::regnamespace AND prosecdef`,
        ),
        'none runs with the rights of its owner',
      ).to.deep.equal([]);
    });
  });

  it('every session tells its node and its part in pg_stat_activity', async () => {
    const rows = await sql<{ application_name: string }>(
      `SELECT DISTINCT application_name FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    const names = rows.map(({ application_name }) => application_name);
    for (const name of names) expect(name).to.match(/^plantao:node-[ab]:(lock|listen|log|backlog|writer|tokens|pool)$/);
    for (const node of ['node-a', 'node-b']) {
      for (const part of ['lock', 'listen', 'log']) expect(names).to.include(`plantao:${node}:${part}`);
    }
  });

  describe('in psql', () => {
    const poll = (url: string, query: string) => get<Poll>(`${url}/subscribe/${query}`, { deadline: 15_000 });
    /** The cursor of now, from which nothing can be missed. */
    const now = async () => (await get(`${nodes.active.url}/chats?userId=1`)).body.cursor;

    it('INSERT INTO plantao.messages reaches the long polls of both nodes', async () => {
      const cursor = await now();
      const polls = [nodes.active, nodes.standby].map(({ url }) => poll(url, `user?user_id=2&cursor=${cursor}`));
      await sql("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'do psql')");
      for (const { body } of await Promise.all(polls)) {
        expect(body.events.map(({ message }) => message?.content)).to.deep.equal(['do psql']);
      }
    });

    it('a transaction is told whole, when it is committed, and not at all when it is rolled back', async () => {
      const cursor = await now();
      const insert = "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'não')";
      await sql('BEGIN');
      await sql(insert);
      await sql('ROLLBACK');
      await sql('BEGIN');
      await sql("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'um'), (1, 1, 'dois')");
      const early = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}&timeout=0.2`);
      expect(early.status).to.equal(204);
      await sql('COMMIT');
      const { body } = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}`);
      expect(body.events.map(({ message }) => message?.content)).to.deep.equal(['um', 'dois']);
    });

    it('DELETE and the memberships are told too', async () => {
      const cursor = await now();
      await sql("DELETE FROM plantao.messages WHERE content = 'dois'");
      await sql('DELETE FROM plantao.memberships WHERE user_id = 2 AND group_id = 1');
      await sql('INSERT INTO plantao.memberships (group_id, user_id) VALUES (1, 2)');
      const kinds = await eventually('all is told', async () => {
        const { body } = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}`);
        return body.events.length === 3 && body.events.map(({ kind }) => kind);
      });
      expect(kinds).to.deep.equal(['message_deleted', 'left', 'joined']);
    });

    it('plantao.notify_group() wakes those who wait on the name, and all', async () => {
      for (const [name, kind] of [
        ['Grupo Geral', 'notification'],
        ['tópico', 'notification'],
        ['all', 'broadcast'],
      ] as const) {
        const query = `status?group=${encodeURIComponent(name)}&cursor=${await now()}`;
        const polls = [nodes.active, nodes.standby].map(({ url }) => poll(url, query));
        await sql('SELECT plantao.notify_group($1, $2)', [name, { note: 'às 3' }]);
        for (const { body } of await Promise.all(polls)) {
          expect(body.events).to.have.length(1);
          expect(body.events[0]).to.deep.include({ kind, payload: { note: 'às 3' } });
        }
      }
    });

    it('plantao.switchover() hands over, to the named or to any, and says what it has done', async () => {
      const onDuty = async (name: string) =>
        eventually(`${name} is on duty, and the other ready for it`, async () => {
          const rows = await sql('SELECT node, role FROM plantao.cluster_status');
          return rows.every(({ node, role }) => role === (node === name ? 'active' : 'standby'));
        });
      const ask = async (target: string | null) =>
        (await sql<{ said: string }>('SELECT plantao.switchover($1) AS said', [target]))[0]?.said;
      await onDuty('node-a');
      expect(await ask('node-z')).to.equal('refused: node-z is not a standby that lives');
      expect(await ask('node-b')).to.equal('asked node-a to hand over to node-b');
      await onDuty('node-b');
      const [last] = await sql("SELECT end_reason, handed_to FROM plantao.leader_history WHERE node = 'node-a'");
      expect(last).to.deep.equal({ end_reason: 'switchover asked for in SQL', handed_to: 'node-b' });
      expect(await ask(null)).to.equal('asked node-b to hand over to any standby');
      await onDuty('node-a');
    });

    it('pg_terminate_backend of the holder, as the comment of lock_holder says, forces a failover', async () => {
      const before = await sql<{ term: number }>('SELECT max(term)::int AS term FROM plantao.leader_terms');
      await sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
      await eventually('another term has begun', async () => {
        const [row] = await sql('SELECT term::int FROM plantao.leader_history WHERE ended_at IS NULL');
        return row?.term === (before[0]?.term ?? 0) + 1;
      });
      expect(await sql('SELECT application_name FROM plantao.lock_holder')).to.have.length(1);
    });
  });
});
