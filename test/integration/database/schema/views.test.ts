import { expect } from 'chai';
import pg from 'pg';
import { KEPT_SESSIONS } from '../../../../src/database/session/connection.ts';
import { eventually } from '../../../support/eventually.ts';
import { post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { createDatabase } from '../../../support/postgres/postgres.ts';

/** The stable interface of the views for queries and alerts: these columns stay, in this order and with these types. */
const PROMISED: Record<string, string> = {
  cluster_status: `node text, role text, term bigint, heartbeat_age_ms bigint, url text, version text, pid integer,
    is_primary boolean, position bigint, behind bigint, waiters integer, started_at timestamp with time zone`,
  leader_history: `term bigint, node text, url text, reason text, started_at timestamp with time zone,
    ended_at timestamp with time zone, end_reason text, handed_to text, on_duty_for interval, gap interval, end_cause text,
    asked_by text`,
  lock_holder: `pid integer, application_name text, usename name, client_addr inet,
    backend_start timestamp with time zone, state text, idle_for interval, life_sign text, lease interval`,
  blocking: `blocks text, waiting bigint, pid integer, usename name, client_addr inet, application_name text, state text,
    since timestamp with time zone, open_for interval, ended_by text`,
  activity: `node text, role text, posts_per_second real, queued_posts integer, commit_ms real, waiters integer, behind bigint,
    delivery_ms real, heartbeat_age_ms bigint`,
  settings: 'node text, name text, value text, written_at timestamp with time zone',
  switchover_history: `at timestamp with time zone, term bigint, node text, requested text, successor text, gap interval,
    asked_by text, asked_via text, asked_from text, asked_at timestamp with time zone`,
  group_activity: `group_id bigint, name text, members bigint, last_message_id bigint,
    last_message_at timestamp with time zone, last_sender text`,
  event_log_status: `first_position bigint, head bigint, events bigint, oldest_at timestamp with time zone,
    newest_at timestamp with time zone, epoch text, bytes bigint`,
  search_status: `is_complete boolean, behind bigint, swept_group bigint, generation integer, position bigint,
    updated_at timestamp with time zone, bytes bigint`,
  event_feed: `position bigint, kind text, group_id bigint, group_name text, topic text, user_id bigint, username text,
    message_id bigint, sender_id bigint, sender text, content text, sent_at timestamp with time zone, payload jsonb,
    at timestamp with time zone`,
};

describe('For the DBA', () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;
  const sql = client.rows;

  describe('the views', () => {
    for (const [view, promised] of Object.entries(PROMISED)) {
      it(`plantao.${view} keeps its documented columns`, async () => {
        const columns = promised.split(',').map((column) => column.trim());
        const rows = await sql<{ column: string }>(
          `SELECT attname || ' ' || format_type(atttypid, atttypmod) AS column FROM pg_attribute
           WHERE attrelid = ('plantao.' || $1)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
          [view],
        );
        expect(rows.map(({ column }) => column).filter((column) => columns.includes(column))).to.deep.equal(columns);
      });
    }

    it('cluster_status has one row for each node, exactly one of them active', async () => {
      const rows = await eventually('both nodes have written their rows', async () => {
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

    it('cluster_status does not show a node as active that was restarted while no other could be promoted', async () => {
      const other = await createDatabase();
      const client = new pg.Client({ connectionString: other.url });
      await client.connect();
      try {
        await client.query(`
          INSERT INTO plantao.nodes (node, url, pid, version, role, started_at) VALUES ('a', 'http://a', 1, '1', 'standby', now());
          INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (1, 'a', 'http://a', 1, 'test')`);
        const row = async () => (await client.query('SELECT role, term::int FROM plantao.cluster_status')).rows[0];
        expect(await row(), 'promoted just now').to.deep.equal({ role: 'active', term: 1 });
        await client.query(`UPDATE plantao.leader_terms SET started_at = now() - interval '1 minute'`);
        expect(await row(), 'of its dead process').to.deep.equal({ role: 'standby', term: null });
      } finally {
        await client.end();
        await other.drop();
      }
    });

    it('lock_holder has the lock session of the active node only', async () => {
      const rows = await sql(
        `SELECT application_name, state, idle_for < interval '3 seconds' AS alive,
                pid = (SELECT backend_pid FROM plantao.leader_terms WHERE ended_at IS NULL) AS of_the_term
         FROM plantao.lock_holder`,
      );
      const [row] = rows;
      expect(rows).to.have.length(1);
      expect(row).to.include({ application_name: 'plantao:node-a:lock', alive: true, of_the_term: true });
    });

    it('leader_history has the node, the reason and the length of each term', async () => {
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

    it('group_activity and event_log_status include a new message', async () => {
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

  describe('A COMMENT', () => {
    const bare = async (text: string) => (await sql<{ thing: string }>(text)).map(({ thing }) => thing);

    it('exists on the schema, its tables and its views', async () => {
      expect(
        await bare(
          `SELECT c.oid::regclass::text AS thing FROM pg_class c
           WHERE relnamespace = 'plantao'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
             AND obj_description(oid, 'pg_class') IS NULL
           UNION SELECT 'schema' WHERE obj_description('plantao'::regnamespace, 'pg_namespace') IS NULL`,
        ),
      ).to.deep.equal([]);
    });
    it('exists on every column', async () => {
      expect(
        await bare(
          `SELECT format('%s.%s', attrelid::regclass, attname) AS thing
           FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
           WHERE relnamespace = 'plantao'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND attnum > 0
             AND NOT attisdropped AND NOT relispartition AND col_description(attrelid, attnum) IS NULL`,
        ),
      ).to.deep.equal([]);
    });
    it('exists on every function; only those listed run with the rights of their owner', async () => {
      expect(
        await bare(
          `SELECT oid::regprocedure::text AS thing FROM pg_proc
           WHERE pronamespace = 'plantao'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL`,
        ),
      ).to.deep.equal([]);
      expect(
        await bare(
          `SELECT proname AS thing FROM pg_proc
           WHERE pronamespace = 'plantao'::regnamespace AND prosecdef ORDER BY proname`,
        ),
        'they take mutexes, or write on behalf of roles that have no right to',
      ).to.deep.equal([
        'add_hook',
        'add_reactions',
        'admit_to_direct_chat',
        'admit_to_group',
        'archive_deleted_group',
        'assert_term',
        'close_fence',
        'continue_epoch',
        'continue_erasures',
        'end_deleted_groups',
        'end_hook',
        'end_jwt',
        'end_jwts',
        'end_memberships',
        'erase_user',
        'forget_departures',
        'forget_edits',
        'forget_reactions',
        'forget_removed_messages',
        'keep_read_mark',
        'last_active_at',
        'lock_group_names',
        'lock_log',
        'lock_log_first',
        'log_edits',
        'log_fell_back',
        'log_group_changes',
        'log_group_deletion',
        'log_memberships',
        'log_messages',
        'log_reads',
        'log_removed_messages',
        'log_renames',
        'log_revocations',
        'log_roles',
        'make_owner',
        'name_direct_chat',
        'note_lost_end',
        'notify_group',
        'remove_old_keys',
        'remove_reactions',
        'rename_user',
        'replicated_lsn',
        'report_lost_end',
        'require_member_account',
        'require_owner',
        'revoke_hook',
        'revoke_tokens',
        'revoke_tokens_of_account',
        'stamp_edit',
        'standbys',
      ]);
    });
  });

  it('every session names its node and its part in pg_stat_activity', async () => {
    const rows = await sql<{ application_name: string }>(
      `SELECT DISTINCT application_name FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    const names = rows.map(({ application_name }) => application_name);
    const parts = [...KEPT_SESSIONS, 'pool'].join('|');
    for (const name of names) expect(name).to.match(new RegExp(`^plantao:node-[ab]:(${parts})$`));
    for (const node of ['node-a', 'node-b']) {
      for (const part of ['lock', 'listen', 'log']) expect(names).to.include(`plantao:${node}:${part}`);
    }
  });
});
