import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { isUnavailable } from '../../../src/database/errors.ts';
import { Listener } from '../../../src/database/listener.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { ReconnectingSession } from '../../../src/database/session/reconnecting-session.ts';
import { eventually } from '../../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { openSessions, testServer } from '../../support/postgres/test-server.ts';

const silent = pino({ level: 'silent' });

describe('A session of a node', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  it('has JIT off, regardless of the settings of the database and its URL', async () => {
    const { admin } = await testServer();
    await admin(`ALTER DATABASE ${database.name} SET jit = on`);
    const session = await DatabaseSession.open(
      connectionOptions(`${database.url}?options=-c%20jit%3Don`, 'plantao:test:pool', 5000),
    );
    const explained = await session.query<{ jit: string }>({ text: 'SHOW jit' }, 1000);
    await session.close();
    expect(explained).to.deep.equal([{ jit: 'off' }]);
  });

  it('has enough memory to need no temporary files, which the database may forbid', async () => {
    const { admin } = await testServer();
    await admin(`ALTER DATABASE ${database.name} SET work_mem = '64kB'`);
    await admin(`ALTER DATABASE ${database.name} SET temp_file_limit = 0`);
    const session = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:pool', 5000));
    try {
      const sql = 'SELECT plantao.read_only_reason() AS reason, (SELECT count(*) > 300 FROM pg_settings) AS counted';
      expect(await session.query({ text: sql }, 1000)).to.deep.equal([{ reason: null, counted: true }]);
      await admin(`ALTER DATABASE ${database.name} SET work_mem = '64MB'`);
      const other = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:pool', 5000));
      expect(await other.query({ text: 'SHOW work_mem' }, 1000)).to.deep.equal([{ work_mem: '64MB' }]);
      await other.close();
    } finally {
      await session.close();
      await admin(`ALTER DATABASE ${database.name} RESET ALL`);
    }
  });

  it('prepares a statement again if PostgreSQL refused it before its execution', async () => {
    const session = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:pool', 5000));
    const ask = () => session.query({ name: 'seen', text: 'SELECT * FROM public.seen' }, 2000);
    await session.query({ text: 'CREATE VIEW public.seen AS SELECT 1 AS one' }, 2000);
    expect(await ask()).to.deep.equal([{ one: 1 }]);
    await session.query({ text: 'CREATE OR REPLACE VIEW public.seen AS SELECT 1 AS one, 2 AS two' }, 2000);
    expect(await ask(), 'another result').to.deep.equal([{ one: 1, two: 2 }]);
    await session.query({ text: 'DEALLOCATE ALL' }, 2000);
    expect(await ask(), 'no statement of that name').to.deep.equal([{ one: 1, two: 2 }]);
    await session.query({ text: 'PREPARE other AS SELECT 3' }, 2000);
    await session.query({ text: 'PREPARE "other:2" AS SELECT 3' }, 2000);
    const other = await session.query({ name: 'other', text: 'SELECT 4 AS four' }, 2000);
    expect(other, 'another statement of that name').to.deep.equal([{ four: 4 }]);
    const failure = await session.query({ name: 'bad', text: 'SELECT 1 / 0' }, 2000).catch((error) => error);
    expect(failure.code, 'others are not repeated').to.equal('22012');
    await session.close();
  });

  it('is closed by a stop, also one that was replaced and still runs a statement', async () => {
    const session = new ReconnectingSession(connectionOptions(database.url, 'plantao:test:replaced', 5000));
    await session.ready();
    const slow = session.query({ text: 'SELECT pg_sleep(1)' }, 4000).catch((error) => error);
    session.reconnect();
    await session.ready();
    await session.stop();
    expect(isUnavailable(await slow)).to.equal(true);
  });

  it('accepts a response that arrived in time, even if the event loop handles it late', async () => {
    const session = await DatabaseSession.open(connectionOptions(database.url, 'plantao:test:pool', 5000));
    const rows = session.query({ text: 'SELECT 1 AS one FROM pg_sleep(0.1)' }, 300);
    await new Promise((resolve) => setImmediate(resolve));
    // As when thousands of requests arrive at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    expect(await rows.catch((error) => error)).to.deep.equal([{ one: 1 }]);
    await session.close();
  });
});

describe('A session behind a proxy that drops the start-up options', () => {
  let database: TestDatabase;
  let proxy: net.Server;
  let url: string;
  before(async () => {
    database = await createDatabase();
    const { hostname, port } = new URL(database.url);
    proxy = net.createServer((client) => {
      const server = net.connect(Number(port), hostname);
      for (const socket of [client, server]) socket.on('error', () => undefined);
      client.once('data', (first) => {
        server.write(withoutOptions(first));
        client.pipe(server).pipe(client);
      });
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const changed = new URL(database.url);
    changed.port = String((proxy.address() as net.AddressInfo).port);
    url = changed.toString();
    const { admin } = await testServer();
    await admin(`ALTER DATABASE ${database.name} SET idle_session_timeout = '9s'`);
  });
  after(async () => {
    proxy.close();
    await database.drop();
  });

  it('sets its lease and all pinned settings in another way', async () => {
    const options = connectionOptions(url, 'plantao:test:lock', 4321, { idle_session_timeout: 1234 });
    const session = await DatabaseSession.open(options);
    const text = `SELECT current_setting('idle_session_timeout') AS lease, current_setting('statement_timeout') AS limit,
                         current_setting('jit') AS jit`;
    const rows = await session.query({ text }, 5000);
    await session.close();
    expect(rows).to.deep.equal([{ lease: '1234ms', limit: '4321ms', jit: 'off' }]);
  });

  it('fails to open if a setting is not in force', async () => {
    // A setting that no server knows stands for one that a proxy swallows.
    const options = connectionOptions(url, 'plantao:test:lock', 5000, { no_such_setting: 'on' });
    const refusal = await DatabaseSession.open(options).catch((error) => error);
    expect(String(refusal)).to.equal('SessionSettingsError: the session does not accept the settings no_such_setting');
  });

  it('stays open as a listener if the database ends idle sessions', async () => {
    const { admin } = await testServer();
    await admin(`ALTER DATABASE ${database.name} SET idle_session_timeout = '300ms'`);
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const options = connectionOptions(url, 'plantao:test:listen', 5000);
    const listener = new Listener({ connection: options, channels: ['plantao_events'], log: silent, ...events });
    await listener.start();
    const idle = "FROM pg_stat_activity WHERE application_name = 'plantao:test:listen' AND datname = $1";
    const [first] = await admin<{ pid: number }>(`SELECT pid ${idle}`, [database.name]);
    await eventually('it has been idle for three times as long', async () => {
      const text = `SELECT pid ${idle} AND clock_timestamp() - state_change > interval '900 ms'`;
      return (await admin<{ pid: number }>(text, [database.name])).some(({ pid }) => pid === first?.pid);
    });
    listener.stop();
  });
});

/** A start-up message of PostgreSQL's protocol without the parameter that carries settings. */
function withoutOptions(startup: Buffer): Buffer {
  const parts = startup.subarray(8).toString('latin1').split('\0');
  const kept = parts.filter((_, index) => parts[index - (index % 2)] !== 'options').join('\0');
  const header = Buffer.from(startup.subarray(0, 8));
  header.writeInt32BE(8 + kept.length, 0);
  return Buffer.concat([header, Buffer.from(kept, 'latin1')]);
}

describe('A warm session', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  const config = () => connectionOptions(database.url, 'plantao:test:writer', 5000);

  it('is used although PostgreSQL refuses its warm-up, if the warm-up may fail', async () => {
    const session = await DatabaseSession.open(config());
    const { signal } = new AbortController();
    await session.warmUp({ text: 'SELECT 1/0' }, 5000, signal, { mayFail: true });
    expect(await session.query({ text: 'SELECT 1 AS one' }, 5000)).to.deep.equal([{ one: 1 }]);
    const ended = 'SELECT pg_terminate_backend(pg_backend_pid())';
    const error = await session.warmUp({ text: ended }, 5000, signal, { mayFail: true }).catch((reason) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(session.isOpen).to.equal(false);
  });

  it('leaves no connection open when its warm-up fails repeatedly', async () => {
    const session = new ReconnectingSession(config(), { warmUp: { text: 'SELECT 1/0' } });
    for (let tries = 0; tries < 3; tries++) {
      const refusal = await session.ready().catch((error) => error);
      expect(refusal).to.have.property('code', '22012');
    }
    await session.stop();
    await eventually('no session is open', async () => {
      return (await openSessions()).every(({ database: name }) => name !== database.name);
    });
  });

  it('is closed at once during its warm-up when its node stops', async () => {
    const session = new ReconnectingSession(config(), { warmUp: { text: 'SELECT pg_sleep(1.5)' } });
    const opening = session.ready().catch((error) => error);
    const asleep =
      "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1.5)' AND state = 'active' AND datname = $1";
    const { admin } = await testServer();
    await eventually('it warms up', async () => (await admin(asleep, [database.name])).length === 1);
    const stoppedAt = performance.now();
    await session.stop();
    expect(performance.now() - stoppedAt).to.be.below(750);
    expect((await opening).name).to.equal('SessionLostError');
  });

  it('runs no warm-up after it was closed', async () => {
    const session = await DatabaseSession.open(config());
    const refusal = await session.warmUp({ text: 'SELECT 1' }, 1000, AbortSignal.abort()).catch((error) => error);
    expect(refusal.name).to.equal('SessionLostError');
    expect(session.isOpen).to.equal(false);
  });
});

describe('The listener', () => {
  it('is not replaced while it is opening over a slow connection', async () => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer((socket) => void sockets.push(socket.on('error', () => undefined).resume()));
    await once(mute.listen(0, '127.0.0.1'), 'listening');
    const { port } = mute.address() as net.AddressInfo;
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const config = connectionOptions(`postgres://me@127.0.0.1:${port}/chat`, 'plantao:test:listen', 5000);
    const listener = new Listener({ connection: config, channels: ['plantao_events'], log: silent, ...events });
    try {
      void listener.start();
      await eventually('it is on its way', () => sockets.length === 1);
      listener.replace('the event log advanced and no notification arrived');
      const isClosed = sockets[0] && (await Promise.race([once(sockets[0], 'close'), tick(200)])) !== null;
      expect(isClosed, 'the first connection was closed').to.equal(false);
      expect(sockets).to.have.length(1);
    } finally {
      listener.stop();
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
  });
});

/** A message of PostgreSQL's protocol: its kind, its length, what it says. */
const message = (kind: string, body: string) => {
  const bytes = Buffer.from(`${kind}....${body}`, 'latin1');
  bytes.writeInt32BE(body.length + 4, 1);
  return bytes;
};

describe('PostgreSQL ending a session while it opens', () => {
  const READY_AND_ENDED = Buffer.concat([
    message('R', '\0\0\0\0'),
    message('S', 'server_version\x0018.0\0'),
    message('Z', 'I'),
    message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
  ]);
  let server: net.Server;
  let url: string;
  let greeted = 0;

  beforeEach(async () => {
    greeted = 0;
    server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        greeted++;
        // In one piece: the driver reads the end before any listener has heard of the beginning.
        socket.end(READY_AND_ENDED);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `postgres://me@127.0.0.1:${(server.address() as net.AddressInfo).port}/chat`;
  });
  afterEach(() => void server.close());

  it('fails the query, not the process, for a session of the pool', async () => {
    const sequelize = openSequelize(url, 'plantao:test:pool', 1);
    const refusal = await sequelize.query('SELECT 1').catch((error: unknown) => error);
    await closeSequelize(sequelize);
    expect(isUnavailable(refusal), String(refusal)).to.equal(true);
    expect(greeted).to.be.at.least(1);
  });

  it('fails the query, not the process, for a warm session', async () => {
    const session = new ReconnectingSession(connectionOptions(url, 'plantao:test:writer', 5000));
    const refusal = await session.query({ text: 'SELECT 1' }, 1000).catch((error: unknown) => error);
    await session.stop();
    expect(refusal).to.be.an.instanceOf(Error);
  });

  it('makes the listener reconnect', async () => {
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const config = connectionOptions(url, 'plantao:test:listen', 5000);
    const listener = new Listener({
      connection: config,
      channels: ['plantao_events', 'plantao_cluster'],
      log: silent,
      ...events,
    });
    await listener.start();
    await eventually('it has tried again', () => greeted > 2);
    expect(listener.isListening).to.equal(false);
    listener.stop();
  });
});

const tick = (ms: number) => new Promise<null>((resolve) => setTimeout(resolve, ms, null));
