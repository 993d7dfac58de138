import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import pg from 'pg';
import { MigrationError, migrate } from '../../../../src/database/migrator.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import type { DbaSession } from '../../../support/postgres/dba-session.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const files = readdirSync(new URL('../../../../migrations/', import.meta.url));
const all = files.map((file) => file.replace(/\.sql$/, '')).sort();
const refusal = (url: string) => migrate(url).catch((error) => error);
const applied = async (client: DbaSession) => {
  const { rows } = await client.query('SELECT name FROM plantao.migrations ORDER BY number');
  return rows.map(({ name }) => name);
};

describe('The migrations', () => {
  const use = useDatabase({ empty: true, each: true });

  it('are numbered from 1 without a gap', () => {
    expect(all.map((name) => Number(name.slice(0, 4)))).to.deep.equal(all.map((_, index) => index + 1));
  });

  it('are applied in order and logged; applying them again does nothing', async () => {
    const said: string[] = [];
    expect(await migrate(use.database.url, { log: (line) => said.push(line) })).to.equal(all.length);
    expect(said).to.deep.equal(all.map((name) => `applied migration ${name}`));
    expect(await applied(use.sql)).to.deep.equal(all);
    expect(await migrate(use.database.url)).to.equal(0);
  });

  it('are applied once when several nodes start together on an empty database', async () => {
    const counts = await Promise.all([1, 2, 3, 4].map(() => migrate(use.database.url)));
    expect(counts.sort()).to.deep.equal([0, 0, 0, all.length]);
    expect(await applied(use.sql)).to.deep.equal(all);
  });

  it('roll back a file that fails, keep the earlier ones, name the file, and continue once the cause is removed', async () => {
    await use.sql.query('CREATE SCHEMA plantao');
    await use.sql.query('CREATE TABLE plantao.epochs ()');
    const error = await refusal(use.database.url);
    expect(error).to.be.instanceOf(MigrationError);
    expect(error.message).to.equal('migration 0002_event_log failed: relation "epochs" already exists');
    expect(await applied(use.sql)).to.deep.equal(all.slice(0, 1));
    const { rows } = await use.sql.query("SELECT to_regclass('plantao.events') AS events");
    expect(rows, 'objects of the failed file').to.deep.equal([{ events: null }]);
    await use.sql.query('DROP TABLE plantao.epochs');
    expect(await migrate(use.database.url)).to.equal(all.length - 1);
    expect(await applied(use.sql)).to.deep.equal(all);
  });

  it('fail with the name of the session if another program holds their lock', async () => {
    await use.sql.query('SELECT pg_advisory_lock(1347178068, 4)');
    const { rows } = await use.sql.query('SELECT pg_backend_pid() AS pid');
    const lines: string[] = [];
    const error = await migrate(use.database.url, { foreignLimitMs: 300, log: (line) => void lines.push(line) }).catch(
      (thrown) => thrown,
    );
    expect(error).to.be.instanceOf(MigrationError);
    expect(error.message).to.match(
      new RegExp(
        `\\(server process ${rows[0].pid}, role .*pg_terminate_backend\\(${rows[0].pid}\\), then start again$`,
      ),
    );
    expect(lines).to.have.length(1);
    await use.sql.query('SELECT pg_advisory_unlock_all()');
    expect(await migrate(use.database.url)).to.equal(all.length);
  });

  it('wait without a limit for another node that migrates', async () => {
    const other = new pg.Client({ connectionString: use.database.url, application_name: 'plantao:-:migrate' });
    await other.connect();
    try {
      await other.query('SELECT pg_advisory_lock(1347178068, 4)');
      let isDone = false;
      const lines: string[] = [];
      const migrating = migrate(use.database.url, { foreignLimitMs: 0, log: (line) => void lines.push(line) }).then(
        (count) => {
          isDone = true;
          return count;
        },
      );
      await eventually('it logs what it waits for', () => lines.length > 0);
      expect(isDone).to.equal(false);
      await other.query('SELECT pg_advisory_unlock_all()');
      expect(await migrating).to.equal(all.length);
    } finally {
      await other.end();
    }
  });

  it('release their lock and session when they fail', async () => {
    await use.sql.query('CREATE SCHEMA plantao; CREATE TABLE plantao.users ()');
    await refusal(use.database.url);
    const { rows } = await use.sql.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(rows[0].n).to.be.at.most(1);
  });
});

describe('A migrated database', () => {
  const use = useDatabase({ each: true });

  it('is refused and not changed if its schema is newer, with the remedy', async () => {
    await use.sql.query("INSERT INTO plantao.migrations (number, name) VALUES (9000, '9000_of_tomorrow')");
    const error = await refusal(use.database.url);
    expect(error).to.be.instanceOf(MigrationError);
    expect(error.message).to.equal(
      `the database has schema version 9000, and this version of Plantão knows only ${all.length}: start a newer version`,
    );
    expect(await applied(use.sql)).to.deep.equal([...all, '9000_of_tomorrow']);
  });

  it('is refused and not changed if another development version created it, with the remedy', async () => {
    await use.sql.query("UPDATE plantao.migrations SET name = '0003_another' WHERE number = 3");
    const error = await refusal(use.database.url);
    expect(error).to.be.instanceOf(MigrationError);
    expect(error.message).to.match(/its migration 3 is 0003_another.*npm run cluster -- --fresh$/);
  });

  it('lets a node start under a role that cannot change the schema', async () => {
    const role = `${use.database.name}_reader`;
    await use.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    try {
      await use.sql.query(`GRANT USAGE ON SCHEMA plantao TO ${role}; GRANT SELECT ON plantao.migrations TO ${role}`);
      const url = new URL(use.database.url);
      url.username = role;
      url.password = 'reader';
      expect(await migrate(url.toString())).to.equal(0);
    } finally {
      await use.sql.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('gets the demo data once', async () => {
    expect(await seedData(use.database.url)).to.equal(true);
    expect(await seedData(use.database.url)).to.equal(false);
    const { rows } = await use.sql.query(
      `SELECT (SELECT array_agg(username::text ORDER BY id) FROM plantao.users) AS users,
              (SELECT array_agg(name::text) FROM plantao.groups) AS groups,
              (SELECT array_agg(u.username || ': ' || m.content ORDER BY m.id)
               FROM plantao.messages m JOIN plantao.users u ON u.id = m.sender_id) AS messages,
              (SELECT count(*)::int FROM plantao.memberships) AS memberships,
              (SELECT max(at) FROM plantao.events WHERE kind = 'joined') < (SELECT min(created_at) FROM plantao.messages) AS joined_first`,
    );
    expect(rows[0]).to.deep.equal({
      users: ['ana_orm', 'bruno_orm'],
      groups: ['Grupo Geral'],
      messages: ['ana_orm: Olá, pessoal!', 'bruno_orm: Oi, Ana! Tudo bem?'],
      memberships: 2,
      joined_first: true,
    });
  });

  it('gets no demo data if part of it exists: the rest was removed on purpose', async () => {
    await use.sql.query("INSERT INTO plantao.users (username) VALUES ('Bruno_ORM')");
    expect(await seedData(use.database.url)).to.equal(false);
    const { rows } = await use.sql.query('SELECT username FROM plantao.users');
    expect(rows).to.deep.equal([{ username: 'Bruno_ORM' }]);
  });

  it('gets the demo data once from two concurrent calls', async () => {
    const added = await Promise.all([seedData(use.database.url), seedData(use.database.url)]);
    expect(added.sort()).to.deep.equal([false, true]);
  });
});
