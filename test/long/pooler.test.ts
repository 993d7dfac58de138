import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { ChatClient } from '../../src/client/index.ts';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, post } from '../support/network/http.ts';
import { untilActive } from '../support/nodes/health.ts';
import { type NodeProcess, startNode } from '../support/nodes/node-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { testServer } from '../support/postgres/test-server.ts';

/** Debian's path. */
const PGBOUNCER = '/usr/sbin/pgbouncer';

describe('Nodes behind PgBouncer', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let folder: string;
  let pooler: ChildProcess;
  let pooled: string;
  let configure: (how: { mode?: string; other?: string }) => Promise<void>;
  const nodes: NodeProcess[] = [];

  before(async function () {
    if (!existsSync(PGBOUNCER)) {
      console.warn(`no PgBouncer at ${PGBOUNCER}: install it with apt-get install pgbouncer`);
      return this.skip();
    }
    database = await createDatabase();
    await seedData(database.url);
    const { hostname, port, username, password } = new URL(database.url);
    // The pooler's sessions are shared, so each transaction must set its own settings.
    const { admin } = await testServer();
    for (const setting of ["DateStyle = 'SQL, DMY'", 'default_transaction_read_only = on', 'search_path = public']) {
      await admin(`ALTER DATABASE ${database.name} SET ${setting}`);
    }
    await admin(`ALTER DATABASE ${database.name} SET default_transaction_isolation = serializable`);
    const url = new URL(database.url);
    url.port = String(await freePort());
    pooled = url.href;
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-pgbouncer-'));
    await chmod(folder, 0o755);
    // Two sessions for all clients, so that code that relies on its own session fails.
    configure = ({ mode = 'transaction', other = '' }) =>
      writeFile(
        path.join(folder, 'pgbouncer.ini'),
        `[databases]
* = host=${hostname} port=${port} user=${decodeURIComponent(username)} password='${decodeURIComponent(password)}' ${other}
[pgbouncer]
listen_addr = ${hostname}
listen_port = ${url.port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 2
`,
      );
  });
  beforeEach(async () => {
    await configure({});
    startPooler();
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
    await stopPooler();
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true });
    await database?.drop();
  });

  const startPooler = () => {
    const user = process.getuid?.() === 0 ? ['--user', 'postgres'] : [];
    pooler = spawn(PGBOUNCER, ['--quiet', ...user, path.join(folder, 'pgbouncer.ini')], { stdio: 'ignore' });
  };
  const stopPooler = async () => {
    if (pooler.kill()) await once(pooler, 'exit');
  };
  const start = async (direct: string) => {
    const node = await startNode({ databaseUrl: pooled, env: { DATABASE_DIRECT_URL: direct, AUTH: 'open' } });
    nodes.push(node);
    return node;
  };

  it('refuse to start without DATABASE_DIRECT_URL, and name it', async () => {
    const error = await start(pooled).catch((reason: Error) => reason);
    expect(String(error)).to.match(/goes through a transaction pooler: set DATABASE_DIRECT_URL/);
  });

  it('refuse to start behind a pooler that refuses transactions, or that leads to another database', async () => {
    for (const [how, reason] of [
      [{ mode: 'statement' }, /cannot be used \(transaction blocks not allowed in statement pooling mode\)/],
      [{ other: 'dbname=postgres' }, /DATABASE_URL and DATABASE_DIRECT_URL lead to different databases/],
    ] as const) {
      await stopPooler();
      await configure(how);
      startPooler();
      const error = await start(database.url).catch((reason: Error) => reason);
      expect(String(error)).to.match(reason);
    }
  });

  it('are not ready while the pooler is down, and say so, and are ready again when it is back', async () => {
    const node = await start(database.url);
    await untilActive(node);
    const readiness = () => get<{ conditions: { name: string; reason: string }[] }>(`${node.url}/readiness?for=reads`);
    expect((await readiness()).status).to.equal(200);
    await stopPooler();
    await eventually('the node is not ready', async () => (await readiness()).status === 503);
    expect((await readiness()).body.conditions).to.have.length(1);
    expect((await readiness()).body.conditions[0]).to.deep.include({
      name: 'pool',
      reason: 'requests cannot use the database: the database cannot be reached, or is too slow',
    });
    expect((await get(`${node.url}/chats?userId=1`)).status).to.equal(503);
    expect((await post(`${node.url}/messages`, { userId: 1, groupId: 1, content: 'x' })).status).to.equal(200);
    await node.untilLogged('the reason', ({ msg }) => msg.startsWith('requests cannot use the database'));
    startPooler();
    await eventually('the node is ready again', async () => (await readiness()).status === 200);
    expect((await get(`${node.url}/chats?userId=1`)).status).to.equal(200);
  });

  it('serve all requests with DATABASE_DIRECT_URL, and fail over when the active node is killed', async () => {
    const [first, second] = [await start(database.url), await start(database.url)];
    const urls = [first.url, second.url];
    await untilActive(first);
    const ana = new ChatClient({ urls });
    const { user_id: userId } = await ana.login('ana_orm');
    const created = await Promise.all(
      Array.from({ length: 20 }, (_, number) => post(`${first.url}/user/${userId}/groups/group ${number}`, {})),
    );
    expect(created.map(({ status }) => status)).to.deep.equal(created.map(() => 200));
    const { chats } = await ana.chats();
    const groupId = chats.find(({ name }) => name === 'group 7')?.id ?? 0;
    const { cursor } = await ana.messages(groupId);
    const send = (text: string) => ana.send(groupId, text);
    await send('before');
    await first.kill();
    await send('after');
    const received: string[] = [];
    const bruno = new ChatClient({ urls: [second.url], userId });
    for await (const event of bruno.events({ cursor })) {
      if (event.kind === 'message') received.push(event.message.content);
      if (received.length === 2) break;
    }
    expect(received).to.deep.equal(['before', 'after']);
  });
});
