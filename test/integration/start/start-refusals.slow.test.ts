import { expect } from 'chai';
import pg from 'pg';
import { withDatabaseAdvice } from '../../../src/database/database-advice.ts';
import { isUnavailable } from '../../../src/database/errors.ts';
import { migrate } from '../../../src/database/migrator.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { errorMessage } from '../../../src/error-message.ts';
import { freePort } from '../../support/network/free-port.ts';
import { localNode } from '../../support/nodes/two-nodes.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer } from '../../support/postgres/test-server.ts';

/** Returns the error of a node that cannot start. */
async function startInVain(databaseUrl: string): Promise<string> {
  const node = localNode({ DATABASE_URL: databaseUrl, PORT: String(await freePort()), NODE_NAME: 'vain' });
  const said = await node.start().then(() => 'it has started', errorMessage);
  await node.stop();
  return said;
}

const changed = (url: string, change: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'search'>>): string =>
  Object.assign(new URL(url), change).toString();

describe('A node that cannot start', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase({ empty: true });
  });
  afterEach(async () => database.drop());

  it('names a wrong password', async () => {
    expect(await startInVain(changed(database.url, { password: 'wrong' }))).to.match(
      /cannot be used \(.*\): check the password in DATABASE_URL/,
    );
  });

  it('names an unknown database', async () => {
    expect(await startInVain(changed(database.url, { pathname: '/not_there' }))).to.match(
      /^the database not_there on .* cannot be used \(.*\): create the database/,
    );
  });

  it('names the privilege that its role lacks, to connect or to create the schema', async () => {
    const { admin } = await testServer();
    const role = `${database.name}_visitor`;
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    const url = changed(database.url, { username: role, password: 'x' });
    try {
      expect(await startInVain(url)).to.match(/lacks a privilege: GRANT it \(CONNECT and, for the first start, CREATE/);
      await admin(`REVOKE CONNECT ON DATABASE ${database.name} FROM PUBLIC`);
      expect(await startInVain(url)).to.match(/lacks a privilege: GRANT it \(CONNECT/);
    } finally {
      await admin(`DROP ROLE ${role}`);
    }
  });

  it('names a setting that its role cannot change', async () => {
    const { admin } = await testServer();
    const role = `${database.name}_plain`;
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await admin(`ALTER ROLE ${role} SET session_replication_role = replica`);
    try {
      expect(await startInVain(changed(database.url, { username: role, password: 'x' }))).to.match(
        /a setting that this role may not reset \(.*session_replication_role.*\): ALTER DATABASE or ALTER ROLE … RESET it/,
      );
      const sequelize = openSequelize(changed(database.url, { username: role, password: 'x' }), 'plantao:test:pool', 1);
      const refused = await sequelize.query('SELECT 1').catch((error: unknown) => error);
      await closeSequelize(sequelize);
      expect(isUnavailable(refused), 'while it runs, a 503').to.equal(true);
    } finally {
      await admin(`DROP ROLE ${role}`);
    }
  });

  it('says that the server has no free connection', async () => {
    const refused = withDatabaseAdvice(database.url, () =>
      Promise.reject(Object.assign(new Error('too many'), { code: '53300' })),
    );
    expect(await refused.catch(errorMessage)).to.match(/\(too many\): all connections of PostgreSQL are taken/);
  });
});

describe('A node that connects to a hot standby', function () {
  this.timeout(90_000);
  let postgres: OwnPostgres;
  before(async () => {
    // A standby refuses every statement of a session with this default.
    const flags = ['-c', 'default_transaction_isolation=serializable'];
    postgres = await startPostgresOfItsOwn({ migrated: false, flags });
  });
  after(async () => postgres.remove());

  for (const schema of ['that has no schema', 'that is migrated']) {
    it(`${schema} refuses to start, with the reason, and so does a migration`, async () => {
      if (schema === 'that is migrated') await migrate(postgres.url);
      await postgres.restartAsStandby();
      const options = '-c default_transaction_isolation=read\\ committed';
      const client = new pg.Client({ connectionString: postgres.url, options });
      await client.connect();
      const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
      await client.end();
      expect(rows).to.deep.equal([{ standby: true }]);
      const sentence =
        /^the database plantao on 127.0.0.1:\d+ cannot be used: it is on a standby server .* name the primary/;
      expect(await startInVain(postgres.url)).to.match(sentence);
      const migration = withDatabaseAdvice(postgres.url, () => migrate(postgres.url)).catch(errorMessage);
      expect(await migration).to.match(sentence);
      await postgres.restartAsPrimary();
    });
  }
});
