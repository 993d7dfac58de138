import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';
import { testServer } from '../../../support/postgres/test-server.ts';

const MUTEXES = ['event_log', 'write_fence', 'group_names'];
const INSERT = "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'Olá')";

describe('The mutexes of the database', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  const logins: string[] = [];
  const open: pg.Client[] = [];

  before(async () => {
    database = await createDatabase();
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    await owner.query(`
      INSERT INTO plantao.users (username) VALUES ('ana');
      INSERT INTO plantao.groups (name) VALUES ('Geral');
      INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (1, 'node-a', 'http://a', 0, 'test')`);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end()));
  });
  after(async () => {
    await owner.end();
    const { admin } = await testServer();
    await database.drop();
    for (const name of logins) await admin(`DROP ROLE ${name}`);
  });

  async function connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    open.push(client);
    return client;
  }

  /** Opens a session of a new login with these `grants`; `$role` in them is its name. */
  async function login(...grants: string[]): Promise<pg.Client> {
    const { admin } = await testServer();
    const name = `plantao_test_${randomBytes(4).toString('hex')}`;
    logins.push(name);
    await admin(`CREATE ROLE ${name} LOGIN PASSWORD 'of this test'`);
    for (const grant of grants) await owner.query(grant.replaceAll('$role', name));
    const url = new URL(database.url);
    [url.username, url.password] = [name, 'of this test'];
    return connect(url.toString());
  }

  /** Runs all statements in one transaction, continues after failures, and leaves the transaction open. Returns their codes. */
  async function attempt(client: pg.Client, statements: string[]): Promise<string[]> {
    const codes: string[] = [];
    await client.query('BEGIN');
    for (const statement of statements) {
      await client.query('SAVEPOINT before');
      const code = await client.query(statement).then(
        () => 'allowed',
        (error) => error.code,
      );
      await client.query(code === 'allowed' ? 'RELEASE before' : 'ROLLBACK TO before');
      codes.push(code);
    }
    return codes;
  }

  /** Takes the locks of a write, a promotion and a new group; throws if one is not available within 200 ms. */
  async function expectAvailable(): Promise<void> {
    const client = await connect(database.url);
    await client.query("SET lock_timeout = '200ms'");
    await client.query('BEGIN');
    await client.query('SELECT plantao.assert_term(1)');
    await client.query('SELECT plantao.lock_group_names()');
    await client.query(INSERT);
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('SELECT plantao.close_fence()');
    await client.query('COMMIT');
  }

  const modes = ['ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'ACCESS EXCLUSIVE'];
  const attacks = MUTEXES.flatMap((name) => [
    ...modes.map((mode) => `LOCK TABLE plantao_mutexes.${name} IN ${mode} MODE`),
    // PREPARE takes locks before PostgreSQL checks privileges.
    `PREPARE write_${name} AS INSERT INTO plantao_mutexes.${name} VALUES ('x')`,
    `PREPARE hold_${name} AS SELECT FROM plantao_mutexes.${name} FOR UPDATE`,
    `COMMENT ON VIEW plantao_mutexes.${name} IS 'x'`,
    `DROP VIEW plantao_mutexes.${name}`,
    `ALTER VIEW plantao_mutexes.${name} RENAME TO x`,
  ]);
  const calls = ['lock_log()', 'assert_term(1)', 'close_fence()', 'lock_group_names()', 'continue_epoch()'].map(
    (call) => `SELECT plantao.${call}`,
  );

  for (const [who, ...grants] of [
    ['may only connect'],
    ['is a member of plantao_dba_readonly', 'GRANT plantao_dba_readonly TO $role'],
    [
      'may read every table and every view',
      'GRANT USAGE ON SCHEMA plantao TO $role',
      'GRANT SELECT ON ALL TABLES IN SCHEMA plantao TO $role',
    ],
  ] as [string, ...string[]][]) {
    it(`cannot be taken by a role that ${who}`, async () => {
      const client = await login(...grants);
      for (const code of await attempt(client, [...attacks, ...calls])) expect(code).to.equal('42501');
      await expectAvailable();
      await client.query('ROLLBACK');
    });

    it(`stay free, and writes and promotions possible, whatever a role locks that ${who}`, async () => {
      const client = await login(...grants);
      const advisory = [1, 2, 3, 4].map((key) => `SELECT pg_advisory_lock(1347178068, ${key})`);
      const tables = ['messages', 'events', 'leader_terms', 'groups', 'users', 'epochs'];
      const parsed = tables.flatMap((table) => [
        `LOCK TABLE plantao.${table} IN ACCESS SHARE MODE`,
        `LOCK TABLE plantao.${table} IN SHARE UPDATE EXCLUSIVE MODE`,
        `PREPARE hold_${table} AS SELECT FROM plantao.${table} FOR UPDATE`,
        `PREPARE remove_${table} AS DELETE FROM plantao.${table}`,
        `CREATE INDEX ON plantao.${table} ((1))`,
      ]);
      const names = ["SELECT pg_advisory_lock(1347178069, hashtext('Novo'))"];
      await attempt(client, [...advisory, ...names, ...parsed]);
      await expectAvailable();
      await client.query('ROLLBACK');
      await client.query('SELECT pg_advisory_unlock_all()');
    });
  }

  it('are taken by the triggers of an INSERT, for a role that may insert messages but cannot take them itself', async () => {
    const client = await login('GRANT USAGE ON SCHEMA plantao TO $role', 'GRANT INSERT ON plantao.messages TO $role');
    const before = (await owner.query('SELECT plantao.log_head()::int AS head')).rows[0].head;
    expect(await attempt(client, [INSERT, ...calls])).to.deep.equal(['allowed', ...calls.map(() => '42501')]);
    await client.query('COMMIT');
    expect((await owner.query('SELECT plantao.log_head()::int AS head')).rows[0].head).to.equal(before + 1);
  });

  it('are not blocked by a backup or by ANALYZE of the whole database', async () => {
    const client = await connect(database.url);
    await client.query('BEGIN');
    await client.query('ANALYZE');
    const { rows } = await client.query(
      `SELECT nspname || '.' || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE nspname IN ('plantao', 'plantao_mutexes') AND relkind IN ('r', 'p')`,
    );
    // Like pg_dump.
    for (const { name } of rows) await client.query(`LOCK TABLE ${name} IN ACCESS SHARE MODE`);
    await expectAvailable();
    await client.query('ROLLBACK');
  });
});
