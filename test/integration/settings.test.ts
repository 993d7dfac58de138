import { expect } from 'chai';
import pg from 'pg';
import { applicationName, connectionOptions } from '../../src/database/connection.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { get, post } from '../support/http.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { testServer } from '../support/test-server.ts';
import { type LocalNode, localNode } from '../support/two-nodes.ts';

describe('A node that is told its database', () => {
  let database: TestDatabase;
  let node: LocalNode | null = null;
  beforeEach(async () => {
    database = await createDatabase();
  });
  afterEach(async () => {
    await node?.stop();
    node = null;
    await database.drop();
  });

  const start = async (env: Record<string, string>) => {
    node = localNode({ PORT: String(await freePort()), NODE_NAME: 'node-a', DB_POOL_SIZE: '2', ...env });
    await node.start();
    const { url } = node;
    await eventually('it is active', async () => (await get(`${url}/health`)).body.active === true);
    return node;
  };

  it('in parts uses them for every session, whatever characters are in user, password and name', async () => {
    const { admin } = await testServer();
    const role = `us:er@${database.name}/ü %41`;
    const password = `p@ss:w/o?r#d %25 'ç' "日本"`;
    const name = `${database.name} conversações 50%`;
    await admin(`CREATE ROLE ${pg.escapeIdentifier(role)} SUPERUSER LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
    await admin(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${database.name}`);
    const { hostname, port } = new URL(database.url);
    try {
      const { url } = await start({
        DB_USER: role,
        DB_PASSWORD: password,
        DB_HOST: hostname,
        DB_PORT: port,
        DB_NAME: name,
      });
      const { status, body } = await post(`${url}/login`, { username: 'ana' });
      expect(status, JSON.stringify(body)).to.equal(200);
      const sessions = await admin<{ usename: string; datname: string }>(
        "SELECT DISTINCT usename, datname FROM pg_stat_activity WHERE application_name LIKE 'plantao:node-a:%'",
      );
      expect(sessions).to.deep.equal([{ usename: role, datname: name }]);
    } finally {
      await node?.stop();
      await admin(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`);
      await admin(`DROP ROLE ${pg.escapeIdentifier(role)}`);
    }
  });

  it('in a URL with options of its own keeps them, and keeps its lease and its name', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c search_path=public -c idle_session_timeout=0');
    url.searchParams.set('application_name', 'mine');
    const options = connectionOptions(url.toString(), applicationName('node-a', 'lock'), 5000, {
      idle_session_timeout: 1234,
    });
    const client = new pg.Client(options);
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_setting('search_path') AS path, current_setting('idle_session_timeout') AS lease,
              current_setting('application_name') AS name`,
    );
    await client.end();
    expect(rows).to.deep.equal([{ path: 'public', lease: '1234ms', name: 'plantao:node-a:lock' }]);

    await start({ DATABASE_URL: url.toString() });
    const { admin } = await testServer();
    const sessions = await admin<{ application_name: string }>(
      'SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = $1',
      [database.name],
    );
    for (const session of sessions) expect(session.application_name).to.match(/^plantao:node-a:\w+$/);
  });

  it('that cannot be reached says so in one sentence, and nothing is left running', async () => {
    const url = new URL(database.url);
    url.port = String(await freePort());
    const lost = localNode({ DATABASE_URL: url.toString(), PORT: '0' });
    const error = await lost.start().then(
      () => null,
      (reason) => reason,
    );
    expect(error).to.be.instanceOf(Error);
    expect(String(error.message || error.errors)).to.include('ECONNREFUSED');
    await lost.stop();
  });

  it('whose port is taken says so, and nothing is left running', async () => {
    const { url } = await start({ DATABASE_URL: database.url });
    const second = localNode({ DATABASE_URL: database.url, PORT: new URL(url).port, NODE_NAME: 'node-b' });
    const error = await second.start().then(
      () => null,
      (reason) => reason,
    );
    expect(error?.message).to.include('EADDRINUSE');
    await second.stop();
    await eventually('none of its sessions is left', async () => {
      const { admin } = await testServer();
      const left = await admin("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'plantao:node-b:%'");
      return left.length === 0;
    });
  });
});
