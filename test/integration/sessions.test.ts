import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { connectionOptions } from '../../src/database/connection.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { Listener } from '../../src/database/listener.ts';
import { closeSequelize, openSequelize } from '../../src/database/sequelize.ts';
import { Session } from '../../src/database/session.ts';
import { StandingSession } from '../../src/database/standing-session.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { openSessions, testServer } from '../support/test-server.ts';

const silent = pino({ level: 'silent' });

describe('A session of a node', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  it('compiles no statement, whatever the database or its URL would have it do', async () => {
    const { admin } = await testServer();
    await admin(`ALTER DATABASE ${database.name} SET jit = on`);
    const session = await Session.open(
      connectionOptions(`${database.url}?options=-c%20jit%3Don`, 'plantao:test:pool', 5000),
    );
    const explained = await session.query<{ jit: string }>({ text: 'SHOW jit' }, 1000);
    await session.close();
    expect(explained).to.deep.equal([{ jit: 'off' }]);
  });

  it('takes an answer that came in time, also where its own event loop turns to it too late', async () => {
    const session = await Session.open(connectionOptions(database.url, 'plantao:test:pool', 5000));
    const answer = session.query({ text: 'SELECT 1 AS one FROM pg_sleep(0.1)' }, 300);
    await new Promise((resolve) => setImmediate(resolve));
    // As when thousands of requests arrive at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    expect(await answer.catch((error) => error)).to.deep.equal([{ one: 1 }]);
    await session.close();
  });
});

describe('A session that stands ready', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  const config = () => connectionOptions(database.url, 'plantao:test:writer', 5000);

  it('leaves no connection behind where its rehearsal fails, however often', async () => {
    const session = new StandingSession(config(), { text: 'SELECT 1/0' });
    for (let tries = 0; tries < 3; tries++) {
      const refusal = await session.ready().catch((error) => error);
      expect(refusal).to.have.property('code', '22012');
    }
    await session.stop();
    await eventually('nobody is connected', async () => {
      return (await openSessions()).every(({ database: name }) => name !== database.name);
    });
  });

  it('is given up at once while it rehearses, when its node stops', async () => {
    const session = new StandingSession(config(), { text: 'SELECT pg_sleep(1.5)' });
    const opening = session.ready().catch((error) => error);
    const asleep = "SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1.5)' AND state = 'active'";
    const { admin } = await testServer();
    await eventually('it rehearses', async () => (await admin(asleep)).length === 1);
    const stoppedAt = performance.now();
    await session.stop();
    expect(performance.now() - stoppedAt).to.be.below(750);
    expect((await opening).name).to.equal('SessionLostError');
  });

  it('rehearses nothing after it was given up', async () => {
    const session = await Session.open(config());
    const refusal = await session.rehearse({ text: 'SELECT 1' }, 1000, AbortSignal.abort()).catch((error) => error);
    expect(refusal.name).to.equal('SessionLostError');
    expect(session.isOpen).to.equal(false);
  });
});

describe('The ear for notifications', () => {
  it('is not thrown away while it is being opened, however slow the way is', async () => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer((socket) => void sockets.push(socket.on('error', () => undefined).resume()));
    await once(mute.listen(0, '127.0.0.1'), 'listening');
    const { port } = mute.address() as net.AddressInfo;
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const config = connectionOptions(`postgres://me@127.0.0.1:${port}/chat`, 'plantao:test:listen', 5000);
    const listener = new Listener(config, ['plantao_events'], events, silent);
    try {
      void listener.start();
      await eventually('it is on its way', () => sockets.length === 1);
      listener.replace('the event log moved and no notification of it came');
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

describe('A session that PostgreSQL ends in the moment in which it is opened', () => {
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
        // In one piece: the driver reads the end before anybody has heard of the beginning.
        socket.end(READY_AND_ENDED);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `postgres://me@127.0.0.1:${(server.address() as net.AddressInfo).port}/chat`;
  });
  afterEach(() => void server.close());

  it('is one of the pool: the question fails, the process does not', async () => {
    const sequelize = openSequelize(url, 'plantao:test:pool', 1);
    const refusal = await sequelize.query('SELECT 1').catch((error: unknown) => error);
    await closeSequelize(sequelize);
    expect(isUnavailable(refusal), String(refusal)).to.equal(true);
    expect(greeted).to.be.at.least(1);
  });

  it('is one that stands ready: likewise', async () => {
    const session = new StandingSession(connectionOptions(url, 'plantao:test:writer', 5000));
    const refusal = await session.query({ text: 'SELECT 1' }, 1000).catch((error: unknown) => error);
    await session.stop();
    expect(refusal).to.be.an.instanceOf(Error);
  });

  it('is the ear: it listens anew', async () => {
    const events = { onNotification: () => undefined, onListening: () => undefined };
    const config = connectionOptions(url, 'plantao:test:listen', 5000);
    const listener = new Listener(config, ['plantao_events', 'plantao_cluster'], events, silent);
    await listener.start();
    await eventually('it has tried again', () => greeted > 2);
    expect(listener.isListening).to.equal(false);
    listener.stop();
  });
});

const tick = (ms: number) => new Promise<null>((resolve) => setTimeout(resolve, ms, null));
