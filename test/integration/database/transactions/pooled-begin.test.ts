import { expect } from 'chai';
import { QueryTypes, type Sequelize } from 'sequelize';
import { sqlState } from '../../../../src/database/errors.ts';
import { closeSequelize, openSequelize } from '../../../../src/database/pool/sequelize.ts';
import { createDatabase, type TestDatabase } from '../../../support/postgres/postgres.ts';
import { testServer } from '../../../support/postgres/test-server.ts';

const NAME = 'plantao:test:pool';

describe('A pooled connection whose transaction cannot begin', () => {
  let database: TestDatabase;
  let admin: Awaited<ReturnType<typeof testServer>>['admin'];
  let role: string;
  let pool: Sequelize;

  before(async () => {
    database = await createDatabase();
    ({ admin } = await testServer());
    role = `${database.name}_role`;
    await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'of this test' SUPERUSER`);
    // Once the role is no longer a superuser, BEGIN succeeds and the settings after it are refused: it may not set this back.
    await admin(`ALTER ROLE ${role} SET session_replication_role = replica`);
    const url = Object.assign(new URL(database.url), { username: role, password: 'of this test' });
    // One connection, without a real pooler, which would choose one of its sessions by chance.
    pool = openSequelize(url.href, NAME, 1, { throughPooler: true });
  });
  afterEach(async () => {
    await closeSequelize(pool);
  });
  after(async () => {
    await admin(`DROP ROLE IF EXISTS ${role}`);
    await database?.drop();
  });

  const pid = async () => {
    const [row] = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid', { type: QueryTypes.SELECT });
    return row?.pid;
  };
  const sessions = () =>
    admin(`SELECT pid, state FROM pg_stat_activity WHERE application_name = '${NAME}' AND usename = '${role}'`);

  it('ends that transaction, so that the next one begins on it as soon as it can', async () => {
    const first = await pid();
    await admin(`ALTER ROLE ${role} NOSUPERUSER`);
    for (let tries = 0; tries < 2; tries++) {
      const error = await pid().then(
        () => null,
        (thrown) => thrown,
      );
      expect(sqlState(error)).to.equal('42501');
      expect(await sessions()).to.deep.equal([{ pid: first, state: 'idle' }]);
    }
    await admin(`ALTER ROLE ${role} SUPERUSER`);
    expect(await pid()).to.equal(first);
    await pool.transaction(async () => {});
    expect(await pid()).to.equal(first);
  });
});
