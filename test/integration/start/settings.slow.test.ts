import { expect } from 'chai';
import pg from 'pg';
import { applicationName, connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { errorMessage } from '../../../src/error-message.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get, post } from '../../support/network/http.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer } from '../../support/postgres/test-server.ts';

describe('The database settings of a node', () => {
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

  /** Returns the message of a node that cannot start. */
  const startInVain = async (env: Record<string, string>): Promise<string> => {
    const vain = localNode(env);
    const said = await vain.start().then(() => 'it has started', errorMessage);
    await vain.stop();
    return said;
  };

  it('can be parts, with any characters in user, password and name, for every session', async () => {
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
        `SELECT DISTINCT usename, datname FROM pg_stat_activity
         WHERE application_name LIKE 'plantao:node-a:%' AND (datname = $1 OR usename = $2)`,
        [name, role],
      );
      expect(sessions).to.deep.equal([{ usename: role, datname: name }]);
    } finally {
      await node?.stop();
      await admin(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`);
      await admin(`DROP ROLE ${pg.escapeIdentifier(role)}`);
    }
  });

  it('can be a URL with options, which replace neither the lease, the application name nor pinned settings', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c work_mem=9MB -c search_path=public -c idle_session_timeout=0');
    const options = connectionOptions(url.toString(), applicationName('node-a', 'lock'), 5000, {
      idle_session_timeout: 1234,
    });
    const session = await DatabaseSession.open(options);
    const rows = await session.query(
      {
        text: `SELECT current_setting('work_mem') AS memory, current_setting('idle_session_timeout') AS lease,
                 current_setting('search_path') AS path, current_setting('application_name') AS name`,
      },
      5000,
    );
    await session.close();
    const path = 'pg_catalog, pg_temp';
    expect(rows).to.deep.equal([{ memory: '9MB', lease: '1234ms', path, name: 'plantao:node-a:lock' }]);

    await start({ DATABASE_URL: url.toString() });
    const { admin } = await testServer();
    const sessions = await admin<{ application_name: string }>(
      'SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = $1',
      [database.name],
    );
    for (const session of sessions) expect(session.application_name).to.match(/^plantao:node-a:\w+$/);
  });

  it('fail the start with one sentence if they name an unreachable server, and leave nothing running', async () => {
    const url = new URL(database.url);
    url.port = String(await freePort());
    expect(await startInVain({ DATABASE_URL: url.toString(), PORT: '0' })).to.match(
      /^the database \w+ on 127\.0\.0\.1:\d+ cannot be used \(.*ECONNREFUSED.*\): check DATABASE_URL/,
    );
  });

  it("leave nothing running if the node's port is in use, which the error names", async () => {
    const { url } = await start({ DATABASE_URL: database.url });
    expect(await startInVain({ DATABASE_URL: database.url, PORT: new URL(url).port, NODE_NAME: 'node-b' })).to.match(
      /^port \d+ on 127\.0\.0\.1 is already in use: .* set PORT \(EADDRINUSE\)$/,
    );
    await eventually('none of its sessions is left', async () => {
      const { admin } = await testServer();
      const left = await admin(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'plantao:node-b:%' AND datname = $1",
        [database.name],
      );
      return left.length === 0;
    });
  });

  it('do not let a node whose port is in use overwrite the row of the running node with the same name', async () => {
    const { url } = await start({ DATABASE_URL: database.url });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    // What each write of a row leaves, where the table itself keeps the last one only.
    await client.query(
      `CREATE TABLE said (role text);
       CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO said VALUES (NEW.role); RETURN NULL; END';
       CREATE TRIGGER note AFTER INSERT OR UPDATE ON plantao.nodes FOR EACH ROW EXECUTE FUNCTION note()`,
    );
    try {
      await startInVain({ DATABASE_URL: database.url, PORT: new URL(url).port, NODE_NAME: 'node-a' });
      const { rows } = await client.query("SELECT count(*)::int AS times FROM said WHERE role = 'stopped'");
      expect(rows).to.deep.equal([{ times: 0 }]);
    } finally {
      await client.end();
    }
  });
});
