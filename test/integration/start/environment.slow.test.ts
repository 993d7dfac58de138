import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { Listener } from '../../../src/database/listener.ts';
import { migrate } from '../../../src/database/migrator.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { errorMessage } from '../../../src/error-message.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { post } from '../../support/network/http.ts';
import { RawClient } from '../../support/network/raw-client.ts';
import { plantao } from '../../support/nodes/command.ts';
import { NodeProcess, startCluster, type TestCluster } from '../../support/nodes/node-process.ts';
import { knowEachOther } from '../../support/nodes/two-nodes.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer } from '../../support/postgres/test-server.ts';

/** Returns the rows of a statement on a session and on the pool. */
async function rowsOfBoth(url: string, text: string): Promise<unknown[][]> {
  const session = await DatabaseSession.open(connectionOptions(url, 'plantao:test:log', 5000));
  const sequelize = openSequelize(url, 'plantao:test:pool', 1);
  try {
    return [await session.query({ text }, 5000), (await sequelize.query(text))[0]];
  } finally {
    await session.close();
    await closeSequelize(sequelize);
  }
}

describe("The environment variables of PostgreSQL's own programs", () => {
  /** The variables that the driver reads, with values that would each have an effect. */
  const HOSTILE: Record<string, string> = {
    PGHOST: '192.0.2.1',
    PGPORT: '1',
    PGUSER: 'nobody',
    PGPASSWORD: 'wrong',
    PGDATABASE: 'template1',
    PGOPTIONS: '-c work_mem=7MB -c idle_session_timeout=1',
    PGSSLMODE: 'require',
    PGSSLNEGOTIATION: 'direct',
    PGAPPNAME: 'mine',
    PGCLIENT_ENCODING: 'LATIN1',
    PGCLIENTENCODING: 'LATIN1',
    PGREPLICATION: 'database',
    PGBINARY: '1',
    PGCONNECT_TIMEOUT: '1',
    PGTZ: 'Asia/Tokyo',
    PGDATESTYLE: 'German',
    TZ: 'Asia/Tokyo',
  };
  let database: TestDatabase;
  let saved: NodeJS.ProcessEnv;
  before(async () => {
    database = await createDatabase();
  });
  beforeEach(() => {
    saved = { ...process.env };
    Object.assign(process.env, HOSTILE);
  });
  afterEach(() => {
    for (const name of Object.keys(HOSTILE)) delete process.env[name];
    Object.assign(process.env, saved);
  });
  after(async () => database.drop());

  const ASKED = `SELECT current_database() AS database, current_setting('work_mem') AS memory,
    current_setting('client_encoding') AS encoding, current_setting('TimeZone') AS zone, now()::text LIKE '____-__-__ %+00' AS iso`;

  it('do not change sessions or connections of the pool', async () => {
    const rows = await rowsOfBoth(database.url, ASKED);
    const expected = { database: database.name, memory: '4MB', encoding: 'UTF8', zone: 'UTC', iso: true };
    expect(rows).to.deep.equal([[expected], [expected]]);
  });

  it('change nothing in migrations or the listener', async () => {
    expect(await migrate(database.url)).to.equal(0);
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const options = connectionOptions(database.url, 'plantao:test:listen', 5000);
    const listener = new Listener({
      connection: options,
      channels: ['plantao_events'],
      log: pino({ level: 'silent' }),
      ...events,
    });
    await listener.start();
    const { admin } = await testServer();
    const rows = await admin('SELECT application_name AS name FROM pg_stat_activity WHERE datname = $1', [
      database.name,
    ]);
    listener.stop();
    expect(rows).to.deep.equal([{ name: 'plantao:test:listen' }]);
  });

  it('add no password to a URL without one', async () => {
    const url = database.url.replace(/:[^:@]+@/, '@');
    const session = await DatabaseSession.open(connectionOptions(url, 'plantao:test:log', 5000)).catch(errorMessage);
    expect(session).to.equal('PostgreSQL requires a password, and DATABASE_URL has none');
  });
});

describe('Variables that would change the driver or the runtime', function () {
  this.timeout(60_000);
  const VARIABLES = {
    NODE_PG_FORCE_NATIVE: '1',
    NODE_ENV: 'test',
    TZ: 'Not/AZone',
    LC_ALL: 'tr_TR.UTF-8',
    HTTP_PROXY: 'http://127.0.0.1:1',
  };
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database?.drop());

  it('change nothing in a node', async () => {
    const port = await freePort();
    const node = new NodeProcess({ name: 'node-odd', port, databaseUrl: database.url, env: VARIABLES });
    try {
      await node.start();
      const registered = await eventually('it registers a user', async () => {
        const { status, body } = await post(`${node.url}/register`, { username: 'IRMAK', password: 'uma senha boa' });
        return status === 201 && body;
      });
      expect(registered.username).to.equal('IRMAK');
    } finally {
      await node.stop();
    }
  });

  describe('NODE_OPTIONS with options of the HTTP parser', () => {
    let cluster: TestCluster;
    before(async () => {
      const env = { NODE_OPTIONS: '--insecure-http-parser --max-http-header-size=200', STANDBY_WRITES: 'forward' };
      cluster = await startCluster({ databaseUrl: database.url, env });
      await knowEachOther({ active: cluster.nodes[0] as NodeProcess, standby: cluster.nodes[1] as NodeProcess });
    });
    after(() => cluster?.stop());

    const body = JSON.stringify({ username: 'enviada' });
    const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const REQUESTS: [what: string, headers: string, body: string, status: number][] = [
      ['has two lengths', `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`, chunked, 400],
      ['continues a header on the next line', `Content-Length: ${body.length}\r\nX-A: b\r\n c\r\n`, body, 400],
      ['has a header with NUL', `Content-Length: ${body.length}\r\nX-A: b\0c\r\n`, body, 400],
      ['has 5,000 bytes of headers', `Content-Length: ${body.length}\r\nX-A: ${'x'.repeat(5000)}\r\n`, body, 200],
    ];
    for (const [what, headers, content, status] of REQUESTS) {
      it(`do not change the response to a request that ${what}: ${status}`, async () => {
        for (const { url } of cluster.nodes) {
          const client = await RawClient.open(url);
          client.send(
            `POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n${content}`,
          );
          await eventually('it has a response', () => client.statuses.length > 0);
          client.destroy();
          expect(client.statuses[0]).to.equal(status);
        }
      });
    }
  });

  it('change nothing in a command', async () => {
    const { exit, errors } = await plantao(['history', '--database', database.url], VARIABLES);
    expect([exit, errors]).to.deep.equal([0, '']);
  });
});

describe('A database behind a Unix socket', function () {
  this.timeout(60_000);
  let folder: string;
  let postgres: OwnPostgres;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-socket-'));
    await chmod(folder, 0o777);
    postgres = await startPostgresOfItsOwn({ flags: ['-c', `unix_socket_directories=${folder}`] });
  });
  after(async () => {
    await postgres.remove();
    await rm(folder, { recursive: true });
  });

  it('is used by every session and the pool, in every form of the URL', async () => {
    const { username, password, port } = new URL(postgres.url);
    const login = `${username}:${password}`;
    for (const url of [
      `postgres://${login}@${encodeURIComponent(folder)}:${port}/plantao`,
      `postgres://${login}@/plantao?host=${folder}&port=${port}`,
      `postgres://${login}@localhost:1/plantao?host=${encodeURIComponent(folder)}&port=${port}`,
    ]) {
      const rows = await rowsOfBoth(url, 'SELECT inet_server_addr() IS NULL AS socket');
      expect(rows, url).to.deep.equal([[{ socket: true }], [{ socket: true }]]);
    }
  });
});
