import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { migrate } from '../../../../src/database/migrator.ts';
import { eventually } from '../../../support/eventually.ts';
import { bearer, del, get, post } from '../../../support/network/http.ts';
import { plantao } from '../../../support/nodes/command.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { startPostgresOfItsOwn } from '../../../support/postgres/own-postgres.ts';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';
import { testServer } from '../../../support/postgres/test-server.ts';
import { withSession } from '../../../support/postgres/with-session.ts';

const ADMIN_TOKEN = 'the-administrators-own-token';

/** A login for this test only, because roles belong to the whole server. */
class Login {
  readonly name = `plantao_test_${randomBytes(4).toString('hex')}`;
  readonly #password = randomBytes(12).toString('hex');

  async make(attributes: string): Promise<void> {
    const { admin } = await testServer();
    await admin(`CREATE ROLE ${this.name} LOGIN PASSWORD '${this.#password}' ${attributes}`);
  }

  urlOf(database: TestDatabase): string {
    const url = new URL(database.url);
    [url.username, url.password] = [this.name, this.#password];
    return url.toString();
  }

  async remove(): Promise<void> {
    const { admin } = await testServer();
    await admin(`DROP ROLE IF EXISTS ${this.name}`);
  }
}

const codeOf = (sql: pg.Client, statement: string) =>
  sql.query(statement).then(
    () => 'allowed',
    (error) => error.code,
  );

describe('The role plantao_service', function () {
  this.timeout(90_000);
  const login = new Login();
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
    await login.make('IN ROLE plantao_service');
  });
  after(async () => {
    await database.drop();
    await login.remove();
  });

  it('is sufficient for nodes: sign-in, chat, polls, retention, a switchover and the end of old sessions', async () => {
    let nodes: TwoNodes | null = null;
    try {
      nodes = await startTwoNodes(login.urlOf(database), { AUTH: 'token', ADMIN_TOKEN });
      await chat(nodes.active.url);
      await handOver(nodes.active.url, nodes.standby.url);
      await withSession(login.urlOf(database), async (sql) => {
        await sql.query('SELECT * FROM plantao.end_last_term_sessions()');
        const { rows } = await sql.query(`SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
          WHERE application_name LIKE 'plantao:%:lock' AND datname = current_database()`);
        expect(rows).to.deep.equal([{ ended: true }, { ended: true }]);
      });
    } finally {
      await nodes?.stop();
    }
  });

  it('cannot store a message without its event, as an import does', async () => {
    await withSession(login.urlOf(database), async (sql) => {
      await sql.query('BEGIN');
      await sql.query(`SELECT set_config('plantao.importing', pg_current_xact_id()::text, true)`);
      await sql.query(`WITH author AS (INSERT INTO plantao.users (username) VALUES ('importer') RETURNING id),
          place AS (INSERT INTO plantao.groups (name) VALUES ('imported') RETURNING id)
        SELECT author.id, place.id FROM author, place`);
      const { rows } = await sql.query(`INSERT INTO plantao.messages (group_id, sender_id, content)
        SELECT g.id, u.id, 'told' FROM plantao.groups g, plantao.users u WHERE g.name = 'imported' AND u.username = 'importer' RETURNING id`);
      const { rows: events } = await sql.query('SELECT kind FROM plantao.events WHERE message_id = $1', [rows[0]?.id]);
      expect(events).to.deep.equal([{ kind: 'message' }]);
      await sql.query('ROLLBACK');
      expect(await codeOf(sql, `SELECT plantao.import_rows('users', '[{"id": 7}]')`)).to.equal('42501');
    });
  });

  it('cannot set for all sessions what only a transaction may: no message loses its event, no leave looks like a removal', async () => {
    const { admin } = await testServer();
    for (const name of ['importing', 'warm_up', 'removes_member', 'edit_history'])
      for (const value of ['on', '0', '']) {
        await admin(`ALTER DATABASE ${database.name} SET plantao.${name} = '${value}'`);
        // Even the owner, whom an import needs.
        await withSession(database.url, async (sql) => {
          await sql.query('BEGIN');
          const { rows } =
            await sql.query(`WITH author AS (INSERT INTO plantao.users (username) VALUES ('preset') RETURNING id)
            SELECT id FROM author`);
          const user = rows[0]?.id;
          const { rows: made } = await sql.query(
            `INSERT INTO plantao.groups (name, creator_id) VALUES ('preset', $1) RETURNING id`,
            [user],
          );
          const group = made[0]?.id;
          await sql.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)', [group, user]);
          await sql.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, $3)', [
            group,
            user,
            'first',
          ]);
          await sql.query(`UPDATE plantao.messages SET content = 'second' WHERE group_id = $1`, [group]);
          await sql.query('DELETE FROM plantao.memberships WHERE group_id = $1', [group]);
          const { rows: kept } = await sql.query(
            `SELECT (SELECT string_agg(kind, ' ' ORDER BY position) FROM plantao.events WHERE group_id = $1) AS kinds,
                    (SELECT count(*)::int FROM plantao.message_edits) AS edits,
                    (SELECT count(*)::int FROM plantao.departures WHERE group_id = $1 AND removed) AS removed,
                    (SELECT count(*)::int FROM pg_locks WHERE relation = 'plantao_mutexes.event_log'::regclass AND pid = pg_backend_pid()) AS locks`,
            [group],
          );
          expect(kept[0]?.kinds, `${name} = '${value}'`).to.equal('joined message message_edited left');
          expect(kept[0]).to.include({ edits: 0, removed: 0, locks: 1 });
          await sql.query('ROLLBACK');
        });
        await admin(`ALTER DATABASE ${database.name} RESET plantao.${name}`);
      }
  });

  it('can read the holder of the leader lock and request a switchover', async () => {
    await withSession(login.urlOf(database), async (sql) => {
      expect(await codeOf(sql, 'SELECT * FROM plantao.lock_holder')).to.equal('allowed');
      expect(await codeOf(sql, 'SELECT plantao.switchover()'), 'a PREFERRED node calls it').to.equal('allowed');
      expect(await codeOf(sql, 'INSERT INTO plantao.switchover_requests (term) VALUES (0)')).to.equal('allowed');
      expect(await codeOf(sql, 'DELETE FROM plantao.switchover_requests')).to.equal('allowed');
      for (const pausing of ['SELECT plantao.pause()', 'TABLE plantao.current_pause', 'SELECT plantao.resume()']) {
        expect(await codeOf(sql, pausing), 'plantao pause and resume').to.equal('allowed');
      }
    });
  });

  async function chat(url: string): Promise<void> {
    const ok = async <T extends { status: number; text: string }>(response: Promise<T>): Promise<T> => {
      const got = await response;
      expect([200, 201, 204], got.text).to.include(got.status);
      return got;
    };
    const { body: ana } = await ok(post(`${url}/register`, { username: 'ana', password: 'correct horse' }));
    const call = bearer(ana.token);
    const wrong = await post(`${url}/login`, { username: 'ana', password: 'battery staple' });
    expect(wrong.status).to.equal(401);
    await ok(post(`${url}/login`, { username: 'ana', password: 'correct horse' }));
    const group = { groupName: 'Geral', creatorId: ana.user_id, members: [] };
    const { body: made } = await ok(post(`${url}/create-chat`, group, call));
    const keyed = { headers: { ...call.headers, 'idempotency-key': 'one' } };
    const message = { userId: ana.user_id, groupId: made.group_id, content: 'Olá' };
    const { body: posted } = await ok(post(`${url}/messages`, message, keyed));
    await ok(get(`${url}/messages?groupId=${made.group_id}`, call));
    await ok(del(`${url}/messages?messageId=${posted.message_id}`, undefined, call));
    await ok(post(`${url}/notify/Geral`, { payload: 1 }, call));
    await ok(post(`${url}/user/${ana.user_id}/groups`, { groups: ['Outro'] }, call));
    await ok(del(`${url}/user/${ana.user_id}/groups/Outro`, undefined, call));
    await ok(get(`${url}/subscribe/user?user_id=${ana.user_id}&timeout=0`, call));
    await ok(get(`${url}/cluster`));
    await ok(post(`${url}/register`, { username: 'ana', password: 'another one' }, bearer(ADMIN_TOKEN)));
    await ok(del(`${url}/tokens`, { userId: ana.user_id }, bearer(ADMIN_TOKEN)));
    await withSession(login.urlOf(database), async (sql) => {
      const { rows } = await sql.query('SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL');
      await sql.query("SELECT plantao.remove_old_events($1, '1 hour', 1, 1, 10)", [rows[0].term]);
      await sql.query("SELECT plantao.remove_old_keys($1, '1 hour', 10)", [rows[0].term]);
    });
  }

  async function handOver(from: string, to: string): Promise<void> {
    expect((await post(`${from}/switchover`, {}, bearer(ADMIN_TOKEN))).status).to.equal(200);
    await eventually('the other node is active', async () => (await get(`${to}/health`)).body.active === true, {
      within: 20_000,
    });
  }

  it('owns nothing and can change nothing else: no schema, table, message or name', async () => {
    await withSession(login.urlOf(database), async (sql) => {
      for (const statement of [
        'CREATE TABLE plantao.mine (id int)',
        'DROP TABLE plantao.messages',
        'ALTER TABLE plantao.users ADD COLUMN x int',
        'TRUNCATE plantao.nodes',
        'ALTER TABLE plantao.tokens DISABLE TRIGGER ALL',
        'UPDATE plantao.messages SET sender_id = 1',
        "UPDATE plantao.users SET username = 'x'",
        'DELETE FROM plantao.users',
        'DELETE FROM plantao.leader_terms',
        'DELETE FROM plantao.migrations',
        'UPDATE plantao.events SET payload = NULL',
      ]) {
        expect(await codeOf(sql, statement), statement).to.equal('42501');
      }
    });
  });
});

describe('The role plantao_dba_readonly', function () {
  this.timeout(90_000);
  const login = new Login();
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
    await login.make('IN ROLE plantao_dba_readonly');
  });
  after(async () => {
    await database.drop();
    await login.remove();
  });

  it('is sufficient for plantao status and history; other commands say what it lacks', async () => {
    const run = (...args: string[]) => plantao([...args, '--database', login.urlOf(database)]);
    const status = await run('status');
    expect(status).to.include({ exit: 1, errors: '' });
    expect(status.output).to.match(/^cluster [0-9a-f-]{36}: no active node/);
    expect(await run('history')).to.include({ exit: 0, output: 'no node has ever been active\n' });
    const check = await run('check');
    expect(check).to.include({ exit: 1, errors: '' });
    expect(check.output).to.match(
      /^error +the role \w+ lacks the privileges of a node: .* GRANT plantao_service TO \w+$/m,
    );
    for (const command of [['pause'], ['switchover'], ['erase-user', 'ana', '--yes'], ['import']]) {
      const { exit, errors } = await run(...command);
      expect(errors).to.match(
        /^this role lacks a privilege \(.*\): use the role of the nodes, or the owner of the schema\n$/,
      );
      expect(exit, command[0]).to.equal(1);
    }
  });

  it('can read the views and all sessions, but no messages, password hashes or tokens', async () => {
    await withSession(login.urlOf(database), async (sql) => {
      for (const view of [
        'cluster_status',
        'leader_history',
        'lock_holder',
        'current_pause',
        'blocking',
        'settings',
        'activity',
        'switchover_history',
        'group_activity',
        'event_log_status',
        'search_status',
      ]) {
        expect(await codeOf(sql, `SELECT * FROM plantao.${view}`), view).to.equal('allowed');
      }
      const { rows } = await sql.query("SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees");
      expect(rows[0].sees).to.equal(true);
      for (const secret of ['messages', 'event_feed', 'events', 'users', 'tokens', 'signal_key', 'sign_in_attempts']) {
        expect(await codeOf(sql, `SELECT * FROM plantao.${secret}`), secret).to.equal('42501');
      }
      expect(await codeOf(sql, 'DELETE FROM plantao.nodes')).to.equal('42501');
      expect(await codeOf(sql, 'SELECT plantao.switchover()')).to.equal('42501');
      expect(await codeOf(sql, 'SELECT plantao.pause()')).to.equal('42501');
      expect(await codeOf(sql, 'INSERT INTO plantao.switchover_requests (term) VALUES (0)')).to.equal('42501');
    });
  });
});

describe('A role that may only change passwords', function () {
  this.timeout(90_000);
  const login = new Login();
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
    await login.make('');
  });
  after(async () => {
    await database.drop();
    await login.remove();
  });

  it('revokes all tokens of an account by changing its password', async () => {
    await withSession(database.url, async (sql) => {
      await sql.query(`INSERT INTO plantao.users (id, username, password_hash) VALUES (7, 'ana', 'old');
        INSERT INTO plantao.tokens (hash, user_id, expires_at) VALUES (sha256('x'), 7, now() + interval '1 hour');
        INSERT INTO plantao.known_networks (user_id, network) VALUES (7, '203.0.113.1');
        GRANT USAGE ON SCHEMA plantao TO ${login.name};
        GRANT SELECT (id), UPDATE (password_hash) ON plantao.users TO ${login.name}`);
      await withSession(login.urlOf(database), async (dba) => {
        expect(await codeOf(dba, 'DELETE FROM plantao.tokens')).to.equal('42501');
        expect(await codeOf(dba, 'UPDATE plantao.users SET password_hash = NULL WHERE id = 7')).to.equal('allowed');
      });
      const { rows } = await sql.query(
        'SELECT (SELECT count(*)::int FROM plantao.tokens) + (SELECT count(*)::int FROM plantao.known_networks) AS left',
      );
      expect(rows).to.deep.equal([{ left: 0 }]);
    });
  });
});

describe('The migration of the roles', function () {
  this.timeout(60_000);

  it('succeeds in several databases of one server at the same time', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => createDatabase({ empty: true })));
    try {
      const counts = await Promise.all(databases.map(({ url }) => migrate(url)));
      expect(new Set(counts).size).to.equal(1);
    } finally {
      for (const database of databases) await database.drop();
    }
  });

  it('succeeds for an owner who cannot create roles; grant_roles() can be called later', async () => {
    const server = await startPostgresOfItsOwn({ migrated: false });
    try {
      const name = new URL(server.url).pathname.slice(1);
      const owner = new URL(server.url);
      [owner.username, owner.password] = ['owner', 'of the schema'];
      await withSession(server.url, async (sql) => {
        await sql.query("CREATE ROLE owner LOGIN PASSWORD 'of the schema' NOCREATEROLE NOSUPERUSER");
        await sql.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} OWNER TO owner`);
        expect(await migrate(owner.toString())).to.be.above(0);
        expect(
          (await sql.query("SELECT rolname FROM pg_roles WHERE rolname IN ('plantao_service', 'plantao_dba_readonly')"))
            .rows,
        ).to.deep.equal([]);
        await sql.query('CREATE ROLE plantao_service NOLOGIN');
      });
      await withSession(owner.toString(), async (sql) => {
        await sql.query('SELECT plantao.grant_roles()');
        const { rows } = await sql.query(
          "SELECT has_table_privilege('plantao_service', 'plantao.messages', 'INSERT') AS may",
        );
        expect(rows).to.deep.equal([{ may: true }]);
      });
    } finally {
      await server.remove();
    }
  });
});
