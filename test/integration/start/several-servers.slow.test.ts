import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import pino from 'pino';
import { withDatabaseAdvice } from '../../../src/database/database-advice.ts';
import { isUnavailable } from '../../../src/database/errors.ts';
import { Listener } from '../../../src/database/listener.ts';
import { migrate } from '../../../src/database/migrator.ts';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { ReconnectingSession } from '../../../src/database/session/reconnecting-session.ts';
import { errorMessage } from '../../../src/error-message.ts';
import { startTcpProxy, type TcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { NodeProcess } from '../../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { withSession } from '../../support/postgres/with-session.ts';

/** A role of every server; their superusers have different passwords. */
const PASSWORD = 'of both';
const CREATE_ROLE = `CREATE ROLE chat SUPERUSER LOGIN PASSWORD '${PASSWORD}'`;
const WHERE = { text: 'SELECT inet_server_port() AS port, pg_is_in_recovery() AS standby' };

/** Runs one statement on a session of its own, on one server. */
const run = (url: string, sql: string) => withSession(url, (client) => client.query(sql));

/** A URL of the given ports and hosts, in their order. */
function urlOf(hosts: (number | string)[], query = ''): string {
  const list = hosts.map((host) => (typeof host === 'number' ? `127.0.0.1:${host}` : host)).join(',');
  return `postgres://chat:${encodeURIComponent(PASSWORD)}@${list}/plantao?${query}`;
}

/** The port of the server that a new session is open to. */
async function portOf(url: string): Promise<number> {
  const session = await DatabaseSession.open(connectionOptions(url, 'plantao:test:log', 5000));
  try {
    const [row] = await session.query<{ port: number }>(WHERE, 5000);
    return row?.port ?? 0;
  } finally {
    await session.close();
  }
}

const failureOf = (url: string) => portOf(url).then(String, errorMessage);

describe('A URL that names several servers', function () {
  this.timeout(90_000);
  let primary: OwnPostgres;
  let standby: OwnPostgres;
  let deadPort: number;
  let silent: TcpServer;
  let silentPort: number;
  const silentSockets: Socket[] = [];

  before(async () => {
    [primary, standby] = await Promise.all([startPostgresOfItsOwn(), startPostgresOfItsOwn({ migrated: false })]);
    for (const server of [primary, standby]) await run(server.url, CREATE_ROLE);
    await standby.restartAsStandby();
    deadPort = await freePort();
    // Accepts connections and never answers.
    silent = createServer((socket) => void silentSockets.push(socket.on('error', () => undefined)));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    silentPort = (silent.address() as { port: number }).port;
  });
  after(async () => {
    silent?.close();
    for (const socket of silentSockets) socket.destroy();
    await primary.remove();
    await standby.remove();
  });

  it('leads every kind of session to the one that accepts writes', async () => {
    const url = urlOf([standby.port, primary.port], 'target_session_attrs=read-write');
    expect(await portOf(url)).to.equal(primary.port);
    expect(await migrate(url)).to.equal(0);

    const sequelize = openSequelize(url, 'plantao:test:pool', 2);
    const [rows] = await sequelize.query(WHERE.text);
    await closeSequelize(sequelize);
    expect(rows).to.deep.equal([{ port: primary.port, standby: false }]);

    const listener = new Listener({
      connection: connectionOptions(url, 'plantao:test:listen', 5000),
      channels: ['x'],
      log: pino({ level: 'silent' }),
      onNotification: () => undefined,
      onListening: () => undefined,
    });
    await listener.start();
    expect(listener.isListening).to.equal(true);
    listener.stop();
  });

  it('starts a node, whose process waits for the search', async () => {
    const databaseUrl = urlOf([silentPort, primary.port]);
    const node = new NodeProcess({ databaseUrl, port: await freePort(), name: 'several', isActive: true, peers: [] });
    await node.start();
    await node.stop();
  });

  it('is not delayed by servers that are down or silent, or by names that do not resolve', async () => {
    for (const others of [[deadPort], [silentPort], ['nowhere.invalid'], [silentPort, deadPort, 'nowhere.invalid']]) {
      const startedAt = performance.now();
      expect(await portOf(urlOf([...others, primary.port])), String(others)).to.equal(primary.port);
      // Without the others it takes about 50 ms; a silent server alone would take seconds.
      expect(performance.now() - startedAt, String(others)).to.be.below(2500);
    }
  });

  it('names the reason for each server when none accepts writes', async () => {
    expect(await failureOf(urlOf([deadPort, 'nowhere.invalid:7']))).to.match(
      /^no server accepts writes: 127\.0\.0\.1:\d+ cannot be used \(connect ECONNREFUSED.*\); nowhere\.invalid:7 cannot be used \(getaddrinfo/,
    );
    expect(await failureOf(urlOf([standby.port, deadPort]))).to.match(
      /^no server accepts writes: 127\.0\.0\.1:\d+ is a standby \(in recovery\); 127\.0\.0\.1:\d+ cannot be used/,
    );
    const url = urlOf([silentPort, standby.port], 'connect_timeout=1');
    expect(await failureOf(url)).to.match(/127\.0\.0\.1:\d+ cannot be used \(.*\); 127\.0\.0\.1:\d+ is a standby/);
    const command = withDatabaseAdvice(url, () => migrate(url));
    expect(await command.catch(errorMessage)).to.match(
      /^the database plantao on 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ cannot be used \(no server accepts writes/,
    );
    const wrong = urlOf([primary.port, standby.port]).replace(encodeURIComponent(PASSWORD), 'wrong');
    expect(await withDatabaseAdvice(wrong, () => migrate(wrong)).catch(errorMessage)).to.match(
      /check the password in DATABASE_URL/,
    );
  });

  it('fails a request of the pool as if there were no database', async () => {
    const sequelize = openSequelize(urlOf([standby.port, deadPort]), 'plantao:test:pool', 1);
    const error = await sequelize.query('SELECT 1').catch((reason: unknown) => reason);
    await closeSequelize(sequelize);
    expect(isUnavailable(error)).to.equal(true);
    expect(errorMessage(error)).to.match(/no server accepts writes/);
  });

  it('skips a server that is read-only by default, unless only a primary is asked for', async () => {
    await run(primary.url, 'ALTER ROLE chat SET default_transaction_read_only = on');
    const hosts = [primary.port, deadPort];
    try {
      expect(await failureOf(urlOf(hosts))).to.match(/ is read-only \(default_transaction_read_only\)/);
      expect(await portOf(urlOf(hosts, 'target_session_attrs=primary'))).to.equal(primary.port);
    } finally {
      await run(primary.url, 'ALTER ROLE chat RESET default_transaction_read_only');
    }
  });

  it('leads to the only server that it names, even if that is a standby: reads go on there', async () => {
    expect(await portOf(urlOf([standby.port]))).to.equal(standby.port);
  });

  it('moves all sessions to the promoted server when the former primary falls silent', async () => {
    const proxy: TcpProxy = await startTcpProxy({ port: primary.port });
    const url = urlOf([proxy.port, standby.port]);
    const session = new ReconnectingSession(connectionOptions(url, 'plantao:test:log', 5000));
    const sequelize = openSequelize(url, 'plantao:test:pool', 1);
    try {
      expect(await session.query(WHERE, 5000)).to.deep.equal([{ port: primary.port, standby: false }]);
      await sequelize.query('SELECT 1');
      proxy.swallow();
      await session.query(WHERE, 300).catch(() => undefined);
      await run(urlOf([standby.port]), 'SELECT pg_promote()');
      const promotedAt = performance.now();
      // The pool's connection to the former primary is closed, so that its next statement does not wait for a deadline.
      const [rows] = await eventually('the pool has moved', () => sequelize.query(WHERE.text).catch(() => null));
      const moved = await eventually('the session has moved', () => session.query(WHERE, 1000).catch(() => null));
      expect([...rows, ...moved]).to.deep.equal(Array(2).fill({ port: standby.port, standby: false }));
      expect(performance.now() - promotedAt).to.be.below(4000);
    } finally {
      await session.stop();
      await closeSequelize(sequelize);
      await proxy.close();
      await standby.restartAsStandby();
    }
  });
});

describe('Certificates of several servers', function () {
  this.timeout(90_000);
  let folder: string;
  let servers: [OwnPostgres, OwnPostgres];

  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
  /** Creates `<name>.crt` and `.key` for the host `name`, signed by the authority in `ca.crt`. */
  async function certify(name: string): Promise<void> {
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.crt`);
  }

  before(async function () {
    const found = await promisify(execFile)('openssl', ['version']).catch(() => null);
    if (!found) {
      console.warn('      skipped: openssl is not installed');
      return this.skip();
    }
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-certificates-'));
    await chmod(folder, 0o755);
    const authority = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=authority'];
    await openssl('req', ...authority, '-keyout', 'ca.key', '-out', 'ca.crt');
    const flagsOf = (name: string) => [
      ...['-c', 'ssl=on', '-c', `ssl_cert_file=${folder}/${name}.crt`, '-c', `ssl_key_file=${folder}/${name}.key`],
    ];
    for (const name of ['db1.example', 'db2.example']) await certify(name);
    const plain = await startPostgresOfItsOwn({ migrated: false });
    const { uid, gid } = await stat(await dataFolderOf(plain));
    await plain.remove();
    for (const name of ['db1.example', 'db2.example']) {
      await chmod(path.join(folder, `${name}.key`), 0o600);
      await chown(path.join(folder, `${name}.key`), uid, gid);
    }
    servers = await Promise.all([
      startPostgresOfItsOwn({ migrated: false, flags: flagsOf('db1.example') }),
      startPostgresOfItsOwn({ migrated: false, flags: flagsOf('db2.example') }),
    ]);
    for (const server of servers) await run(server.url, CREATE_ROLE);
  });
  after(async () => {
    await Promise.all((servers ?? []).map((server) => server.remove()));
    if (folder) await rm(folder, { recursive: true });
  });

  async function dataFolderOf(server: OwnPostgres): Promise<string> {
    const client = new pg.Client(server.url);
    await client.connect();
    const { rows } = await client.query('SHOW data_directory');
    await client.end();
    return rows[0].data_directory;
  }

  /** Both names lead to this machine without being resolved. */
  const tlsUrl = (names: string[], query: string) => {
    const hosts = names.map((name, index) => `${name}:${servers[index]?.port}`);
    const addresses = names.map(() => '127.0.0.1').join(',');
    return urlOf(hosts, `hostaddr=${addresses}&${query}`);
  };

  it('are checked against the name of each server: one that does not match is skipped', async () => {
    const query = `sslmode=verify-full&sslrootcert=${folder}/ca.crt`;
    expect(await portOf(tlsUrl(['db1.example'], query))).to.equal(servers[0].port);
    expect(await portOf(tlsUrl(['other.example', 'db2.example'], query))).to.equal(servers[1].port);
    expect(await failureOf(tlsUrl(['other.example', 'db1.example'], query))).to.match(
      /^no server accepts writes: other\.example:\d+ \(127\.0\.0\.1\) cannot be used \(.*does not match.*db1\.example.*\); db1\.example/,
    );
    // With verify-ca the authority counts and the name does not.
    const anyName = `sslmode=verify-ca&sslrootcert=${folder}/ca.crt`;
    expect(await portOf(tlsUrl(['other.example'], anyName))).to.equal(servers[0].port);
  });

  it('of an authority that is not known are refused', async () => {
    const { message } = (await openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=x',
      '-keyout',
      'x.key',
      '-out',
      'x.crt',
    ).then(
      () => ({ message: '' }),
      (error: Error) => error,
    )) as Error;
    expect(message).to.equal('');
    const query = `sslmode=verify-full&sslrootcert=${folder}/x.crt`;
    expect(await failureOf(tlsUrl(['db1.example', 'db2.example'], query))).to.match(
      /db1\.example.*certificate.*; db2\.example.*certificate/,
    );
  });

  it('are read again for each session: a renewed file is used, and one that is missing for a moment is an error of that session', async () => {
    const file = path.join(folder, 'renewed.crt');
    await copyFile(path.join(folder, 'db1.example.crt'), file);
    const options = connectionOptions(
      tlsUrl(['db1.example'], `sslmode=verify-full&sslrootcert=${file}`),
      'plantao:test:log',
      2000,
    );
    const opened = () =>
      DatabaseSession.open(options).then(
        (session) => session.close().then(() => 'opened'),
        (error) => errorMessage(error),
      );
    expect(await opened()).to.match(/certificate/);
    await copyFile(path.join(folder, 'ca.crt'), file);
    expect(await opened()).to.equal('opened');
    await rm(file);
    expect(await opened()).to.match(/names a file in sslrootcert that cannot be read/);
    await copyFile(path.join(folder, 'ca.crt'), file);
    expect(await opened()).to.equal('opened');
  });
});
