import { expect } from 'chai';
import { UnsupportedServerError } from '../../../src/database/checks/server-check.ts';
import { migrate } from '../../../src/database/migrator.ts';
import { checkDatabase, StartCheckError } from '../../../src/node/start-check.ts';
import { readSettings } from '../../../src/settings.ts';
import { testServer, withDatabase } from '../../support/postgres/test-server.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('The check at start', () => {
  const { database, sql: client } = useDatabase({ empty: true, each: true });

  const check = (url = database.url) => checkDatabase(readSettings({ DATABASE_URL: url }));
  const refusal = (url = database.url) => check(url).catch((error) => error);
  /** Imitates a transaction pooler, as the check sees it: another session responds. The real function is renamed. */
  const fake = async (definition: string) => {
    const [name] = definition.split('(');
    await client.query(`SET allow_system_table_mods = on;
      UPDATE pg_catalog.pg_proc SET proname = 'real_' || proname
      WHERE proname = '${name}' AND pronamespace = 'pg_catalog'::regnamespace;
      CREATE FUNCTION pg_catalog.${definition}`);
  };

  /** The provider of LOCALE: since PostgreSQL 15 there are several. */
  const ofLibc = async () => {
    const { rows } = await client.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int AS version",
    );
    return (rows[0]?.version ?? 0) >= 150_000 ? 'LOCALE_PROVIDER libc' : '';
  };

  it('warns of a server that does not keep what it acknowledges, and of no other', async () => {
    const { rows } = await client.query('SHOW fsync');
    const warnings = await check();
    if (rows[0].fsync === 'on') expect(warnings).to.deep.equal([]);
    else {
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(/^fsync is off .* LOSES acknowledged messages/);
    }
  });

  it('warns of synchronous_commit = off, which can lose writes that bypass the nodes', async () => {
    await client.query(`ALTER DATABASE ${database.name} SET synchronous_commit = off`);
    const warnings = await check();
    expect(warnings.filter((warning) => /synchronous_commit is off .* LOSES/.test(warning))).to.have.length(1);
  });

  it('refuses a connection that loses its advisory locks, and names the setting', async () => {
    await fake("pg_advisory_unlock(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false'");
    const error = await refusal();
    expect(error).to.be.instanceOf(StartCheckError);
    expect(error.message).to.match(/leader lock and LISTEN do not work .* set DATABASE_DIRECT_URL/);
  });

  it('refuses a connection that receives no notifications', async () => {
    await fake("pg_notify(text, text) RETURNS void LANGUAGE sql AS ''");
    expect((await refusal()).message).to.match(/set DATABASE_DIRECT_URL/);
  });

  it('refuses two connections that share one session on the server, as through an idle pooler', async () => {
    await fake("pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT 4711'");
    expect((await refusal()).message).to.match(/a session to itself.* set DATABASE_DIRECT_URL/);
  });

  it('refuses a connection whose session changes under load', async () => {
    await client.query('CREATE SEQUENCE public.pids');
    await fake("pg_backend_pid() RETURNS int LANGUAGE sql AS $$ SELECT nextval('public.pids')::int $$");
    expect((await refusal()).message).to.match(/set DATABASE_DIRECT_URL/);
  });

  it('refuses a connection on which the check fails, and names the error', async () => {
    await fake("pg_advisory_unlock(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1'");
    expect((await refusal()).message).to.match(/division by zero.*set DATABASE_DIRECT_URL/);
  });

  it('refuses a database that is not in UTF-8', async () => {
    const { admin, adminUrl } = await testServer();
    const latin = `${database.name}_latin`;
    await admin(`CREATE DATABASE ${latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' ${await ofLibc()}`);
    try {
      const error = await refusal(withDatabase(adminUrl, latin));
      expect(error).to.be.instanceOf(UnsupportedServerError);
      expect(error.message).to.equal("the database's encoding is LATIN1: create it with ENCODING 'UTF8'");
    } finally {
      await admin(`DROP DATABASE ${latin} WITH (FORCE)`);
    }
  });

  it('warns of a locale that knows only ASCII letters', async () => {
    const { admin, adminUrl } = await testServer();
    const plain = `${database.name}_plain`;
    await admin(`CREATE DATABASE ${plain} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' ${await ofLibc()}`);
    try {
      const warnings = await check(withDatabase(adminUrl, plain));
      expect(warnings.filter((one) => /Zoë and ZOË are two users/.test(one))).to.have.length(1);
      expect((await check()).filter((one) => /two users/.test(one))).to.deep.equal([]);
    } finally {
      await admin(`DROP DATABASE ${plain} WITH (FORCE)`);
    }
  });

  it('warns if the collation version of the database is outdated', async function () {
    const { rows } = await client.query(
      `SELECT current_setting('server_version_num')::int >= 150000 AS known,
              (SELECT collversion FROM pg_collation WHERE collname = 'und-x-icu') AS icu`,
    );
    if (!rows[0].known || !rows[0].icu) return this.skip();
    const { admin, adminUrl } = await testServer();
    const old = `${database.name}_old`;
    await admin(
      `CREATE DATABASE ${old} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'und'`,
    );
    try {
      const warnings = async () => (await check(withDatabase(adminUrl, old))).filter((one) => /collation/.test(one));
      expect(await warnings()).to.deep.equal([]);
      await admin(`UPDATE pg_database SET datcollversion = '1.2.3' WHERE datname = '${old}'`);
      expect((await warnings())[0]).to.match(
        /was created with version 1\.2\.3 .* REINDEX DATABASE plantao_test_\w+_old, then ALTER/,
      );
    } finally {
      await admin(`DROP DATABASE ${old} WITH (FORCE)`);
    }
  });

  for (const revoked of ['SELECT ON pg_catalog.pg_settings', 'SELECT ON pg_catalog.pg_database']) {
    it(`warns that it cannot check a part of the database if the role lacks ${revoked}`, async () => {
      const login = `${database.name}_node`;
      const { admin } = await testServer();
      await migrate(database.url);
      await admin(`CREATE ROLE ${login} LOGIN PASSWORD 'pw' IN ROLE plantao_service`);
      await client.query(`REVOKE ${revoked} FROM PUBLIC`);
      try {
        const url = Object.assign(new URL(database.url), { username: login, password: 'pw' }).href;
        const name = revoked.replace(/.*\./, '');
        const warnings = (await check(url)).filter((one) => one.includes(name));
        expect(warnings).to.have.length(1);
        expect(warnings[0]).to.match(
          /^a part of the database's configuration cannot be checked: permission denied for /,
        );
      } finally {
        await client.query(`DROP OWNED BY ${login}`);
        await admin(`DROP ROLE ${login}`);
      }
    });
  }

  it('warns of disabled triggers, and names each table', async () => {
    await migrate(database.url);
    const warnings = async () => (await check()).filter((one) => /triggers/.test(one));
    expect(await warnings()).to.deep.equal([]);
    await client.query('ALTER TABLE plantao.memberships DISABLE TRIGGER ALL');
    await client.query('ALTER TABLE plantao.users DISABLE TRIGGER log_renamed');
    const [one, other, ...more] = await warnings();
    expect(one).to.match(/^triggers of plantao.memberships are disabled: .*ENABLE TRIGGER ALL/);
    expect(other).to.match(/^triggers of plantao.users are disabled/);
    expect(more).to.deep.equal([]);
  });

  it('refuses a role without the privileges of a node, and says what to grant', async () => {
    const { admin } = await testServer();
    const role = `${database.name}_visitor`;
    await migrate(database.url);
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    try {
      const url = new URL(database.url);
      [url.username, url.password] = [role, 'x'];
      const error = await refusal(url.toString());
      expect(error).to.be.instanceOf(StartCheckError);
      expect(error.message).to.match(
        /^the role \w+_visitor lacks the privileges of a node: .* GRANT plantao_service TO \w+$/,
      );
      await admin(`GRANT plantao_service TO ${role}`);
      expect(await check(url.toString())).to.deep.equal(await check());
    } finally {
      await admin(`DROP ROLE ${role}`);
    }
  });

  it('leaves no lock and no session open', async () => {
    await check();
    const { rows } = await client.query(
      "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'plantao:%'",
    );
    expect(rows).to.deep.equal([]);
  });
});
