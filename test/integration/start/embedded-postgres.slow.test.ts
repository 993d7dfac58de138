import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import type pg from 'pg';
import { ClusterDatabase } from '../../../src/local-cluster/cluster-database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/local-cluster/embedded/embedded-postgres.ts';
import { EmbeddedPostgresError } from '../../../src/local-cluster/embedded/embedded-postgres-error.ts';
import { listProcesses } from '../../../src/local-cluster/embedded/process-list.ts';
import { eventually } from '../../support/eventually.ts';
import { withSession } from '../../support/postgres/with-session.ts';

const query = <Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> =>
  withSession(url, async (client) => (await client.query<Row>(sql)).rows);

const isRoot = process.getuid?.() === 0;

describe('The embedded PostgreSQL', function () {
  this.timeout(60_000);
  let base: string;
  let dataFolder: string;
  const running: EmbeddedPostgres[] = [];
  const logged: string[] = [];

  /** Starts one that is stopped after the test. */
  async function start(options: { port?: number; fresh?: boolean; flags?: string[]; in?: string } = {}) {
    const { in: folder = dataFolder, ...rest } = options;
    const server = await startEmbeddedPostgres({ dataFolder: folder, log: (line) => logged.push(line), ...rest });
    running.push(server);
    return server;
  }

  async function refusal(starting: Promise<unknown>): Promise<string> {
    const error = await starting.then(
      () => new Error('it started'),
      (reason) => reason,
    );
    expect(error, String(error)).to.be.instanceOf(EmbeddedPostgresError);
    expect(error.message).to.match(/^[^\n]+\.?$/);
    return error.message;
  }

  before(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'plantao-test-embedded-'));
    await chmod(base, 0o755);
    dataFolder = path.join(base, 'a folder with spaces', 'data');
  });
  beforeEach(() => logged.splice(0));
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
  });
  after(() => rm(base, { recursive: true, force: true }));

  it('creates its data at the first start, on a path with spaces, durable and with a private password', async () => {
    const { url } = await start();
    const [row] = await query<{ version: string; fsync: string; lower: string; ask: string }>(
      url,
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, lower('ÂÇÃO'),
              (SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules) AS ask`,
    );
    expect(row).to.deep.include({ fsync: 'on', lower: 'âção', ask: 'scram-sha-256' });
    const password = await stat(path.join(dataFolder, 'password'));
    expect(password.mode & 0o777).to.equal(0o600);
    const wrong = await query(url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1').catch((error) => error.code);
    expect(wrong).to.equal('28P01');
    await query(url, 'CREATE TABLE kept (n int)');
  });

  it('keeps its data between starts, and deletes them only on request', async () => {
    const first = await start();
    await query(first.url, 'SELECT * FROM kept');
    await first.stop();
    await first.stop();
    const second = await start({ fresh: true });
    const [row] = await query(second.url, "SELECT to_regclass('kept') AS kept");
    expect(row).to.deep.equal({ kept: null });
  });

  it('listens on 127.0.0.1 only, with the given port and flags', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const address = free.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    expect(await refusal(start({ port }))).to.equal('The port for PostgreSQL is in use.');
    free.close();
    await once(free, 'close');
    const server = await start({ port, flags: ['-c', 'max_connections=17'] });
    expect(server.port).to.equal(port);
    const [row] = await query(
      server.url,
      "SELECT current_setting('listen_addresses') AS a, current_setting('max_connections') AS m",
    );
    expect(row).to.deep.equal({ a: '127.0.0.1', m: '17' });
  });

  it('recovers from a crash', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE acknowledged (n int)');
    await first.stop('immediate');
    await first.exited;
    const second = await start();
    await query(second.url, 'SELECT * FROM acknowledged');
  });

  it('refuses a folder that another cluster uses', async () => {
    await start();
    expect(await refusal(start())).to.match(
      /^A PostgreSQL is already running on the data folder .* \(started by process \d+\)/,
    );
  });

  describe('after a kill -9', () => {
    /** A process of its own that starts one and stays, as the launcher does. */
    async function starter(): Promise<{ child: ChildProcess; pid: number }> {
      const script = `import { startEmbeddedPostgres } from './src/local-cluster/embedded/embedded-postgres.ts';
        const server = await startEmbeddedPostgres({ dataFolder: process.argv[1] });
        console.log(server.pid);
        setInterval(() => undefined, 1000);`;
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, dataFolder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      return { child, pid: Number(line) };
    }
    const isRunning = async (pid: number) =>
      (await listProcesses()).some((one) => one.pid === pid && one.command !== '');

    it('exits by itself if its parent process was killed', async () => {
      const { child, pid } = await starter();
      child.kill('SIGKILL');
      await once(child, 'close');
      await eventually('the orphan ends', async () => !(await isRunning(pid)), { within: 10_000 });
    });

    it('is ended by the next start if its parent process and the guard were killed', async () => {
      const { child, pid } = await starter();
      const guard = (await listProcesses()).find(({ command }) => command.includes(`plantao-guard ${pid} `));
      expect(guard, 'its guard').to.not.equal(undefined);
      process.kill(guard?.pid ?? 0, 'SIGKILL');
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(await isRunning(pid), 'an orphan runs').to.equal(true);
      const server = await start();
      expect(logged.join()).to.include('ending the PostgreSQL of an earlier run that was killed');
      expect(await isRunning(pid), 'the orphan runs').to.equal(false);
      await query(server.url, 'SELECT 1');
    });

    it('starts again in spite of a stale postmaster.pid', async () => {
      const first = await start();
      process.kill(first.pid, 'SIGKILL');
      await first.exited;
      expect(await readdir(path.join(first.folder, 'postgres'))).to.include('postmaster.pid');
      const second = await start();
      await query(second.url, 'SELECT 1');
    });

    it('starts although postmaster.pid names the pid of another program', async () => {
      const first = await start();
      await first.stop();
      const other = spawn('sleep', ['60'], { stdio: 'ignore', ...(isRoot ? await postgresUser(first) : {}) });
      await writeFile(
        path.join(first.folder, 'postgres', 'postmaster.pid'),
        `${other.pid}\n${first.folder}/postgres\n1\n`,
      );
      try {
        const second = await start();
        await query(second.url, 'SELECT 1');
      } finally {
        other.kill('SIGKILL');
        await once(other, 'exit');
      }
    });

    it('is restarted by the launcher, whose stop also waits for a server that is starting', async () => {
      const output = { log: (line: string) => void logged.push(line), follow: () => undefined, print: () => undefined };
      const cluster = new ClusterDatabase({ dataFolder, fresh: false, nodes: 1, output });
      await cluster.start();
      const first = Number(/\(pid (\d+)\)/.exec(logged.join())?.[1]);
      const servers = async () =>
        (await listProcesses()).filter(
          ({ pid, command }) => pid !== first && command.includes(`${dataFolder}/postgres`),
        );
      try {
        process.kill(first, 'SIGKILL');
        const patience = { every: 2, within: 20_000 };
        await eventually('the next server is starting', async () => (await servers()).length > 0, patience);
      } finally {
        await cluster.stop();
      }
      expect(await servers()).to.deep.equal([]);
    });

    async function postgresUser({ folder }: EmbeddedPostgres) {
      const { uid, gid } = await stat(path.join(folder, 'postgres'));
      return { uid, gid };
    }
  });

  describe('that cannot start', () => {
    it('says in one sentence that the folder cannot be written', async () => {
      const file = path.join(base, 'a file');
      await writeFile(file, '');
      const message = await refusal(start({ in: path.join(file, 'data') }));
      expect(message).to.match(/^The data folder .*a file.data cannot be written \(ENOTDIR/);
    });

    it('says in one sentence that the password is lost', async () => {
      const server = await start();
      await server.stop();
      const file = path.join(server.folder, 'password');
      const password = await readFile(file, 'utf8');
      await rm(file);
      expect(await refusal(start())).to.include('holds a database but not its password');
      await writeFile(file, 'another', { mode: 0o600 });
      expect(await refusal(start())).to.include('does not match the data beside it');
      await writeFile(file, password, { mode: 0o600 });
      await start();
    });

    it('says in one sentence that the data belong to another version', async () => {
      const server = await start();
      await server.stop();
      const file = path.join(server.folder, 'postgres', 'PG_VERSION');
      const version = await readFile(file, 'utf8');
      await writeFile(file, '12\n');
      expect(await refusal(start())).to.match(/was created by PostgreSQL 12, and this is PostgreSQL \d+/);
      await writeFile(file, version);
    });

    it('says in one sentence why PostgreSQL did not start', async () => {
      const message = await refusal(start({ flags: ['-c', 'no_such_setting=1'] }));
      expect(message).to.match(/did not start in .*: FATAL: .*no_such_setting/);
    });
  });

  it('works as root for an inaccessible folder, through one in the temp folder, the same at each start', async function () {
    if (!isRoot) this.skip();
    const closed = path.join(base, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const first = await start({ in: path.join(closed, 'data') });
    expect(first.folder).to.match(new RegExp(`^${tmpdir()}/plantao-[0-9a-f]{16}$`));
    expect(logged.join()).to.include(first.folder);
    await query(first.url, 'CREATE TABLE found_again (n int)');
    await first.stop();
    const second = await start({ in: path.join(closed, 'data') });
    await query(second.url, 'SELECT * FROM found_again');
    await second.stop();
    await rm(second.folder, { recursive: true, force: true });
  });
});
