import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { testServer } from '../support/postgres/test-server.ts';
import { type Inventory, leaksSince, leftBehind, takeInventory } from '../support/run/leaks.ts';

describe('The leak check', () => {
  let database: TestDatabase;
  let earlier: Inventory;

  before(async () => {
    database = await createDatabase({ empty: true });
  });
  beforeEach(async () => {
    earlier = await takeInventory();
  });
  after(() => database.drop());

  const found = async () => {
    const leaks = await leaksSince(earlier, 100, earlier);
    return leaks.map(({ sentence }) => sentence).join('\n');
  };

  it('finds nothing if nothing was left', async () => {
    expect(await found()).to.equal('');
  });

  it('finds a session, and an advisory lock by its number', async () => {
    const client = new pg.Client({ connectionString: database.url, application_name: 'forgotten' });
    await client.connect();
    await client.query('SELECT pg_advisory_lock(7, 9)');
    const leaks = await found();
    await client.end();
    expect(leaks).to.include(`the session "forgotten" on ${database.name}`);
    expect(leaks).to.include(`the advisory lock (7, 9) ExclusiveLock, held by "forgotten" on ${database.name}`);
  });

  it('finds a process', async () => {
    const child: ChildProcess = spawn('sleep', ['30'], { stdio: 'ignore' });
    child.unref();
    const leaks = await found();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(leaks).to.equal(`the process ${child.pid} (sleep 30)`);
  });

  it('finds a timer', async () => {
    const timer = setInterval(() => undefined, 60_000);
    const leaks = await found();
    clearInterval(timer);
    expect(leaks).to.include('1 active Timeout');
  });

  it('finds a socket that listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const leaks = await found();
    server.close();
    await once(server, 'close');
    expect(leaks).to.include('1 active TCPServerWrap');
  });
});

describe('leftBehind', () => {
  const nothing: Inventory = { sessions: [], locks: [], children: new Map(), owners: new Set(), resources: new Map() };
  const session = (pid: number, application: string) => ({ pid, application, database: 'd' });
  const leaks = (earlier: Partial<Inventory>, later: Partial<Inventory>, fileBegan?: Inventory) =>
    leftBehind({ ...nothing, ...earlier }, { ...nothing, ...later }, fileBegan).map(({ sentence }) => sentence);

  it('lets a file keep a node, which opens other sessions and takes the leader lock by itself', () => {
    const later = session(2, 'plantao:node-a:lock');
    const now = { sessions: [later], locks: [{ pid: 2, key: '(1347178068, 1) ExclusiveLock', session: later }] };
    expect(leaks({ sessions: [session(1, 'plantao:node-a:pool')] }, now)).to.deep.equal([]);
    expect(leaks({ sessions: [session(1, 'plantao:node-b:pool')] }, now)).to.have.length(2);
  });

  it('lets a file keep a node that is killed and started again, and no other process', () => {
    const owners = new Set(['node-a']);
    const child = (owner: string | null) => ({ children: new Map([[11, { owner, command: 'node src/main.ts' }]]) });
    expect(leaks({ owners }, child('node-a'))).to.deep.equal([]);
    expect(leaks({ owners }, child('node-b'))).to.deep.equal(['the process 11 (node-b)']);
    expect(leaks({ owners }, child(null))).to.deep.equal(['the process 11 (node src/main.ts)']);
  });

  it('ignores the timers of a node in this process until the end of the file', () => {
    const earlier = { resources: new Map([['TCPServerWrap', 1]]) };
    const later = { resources: new Map(Object.entries({ TCPServerWrap: 1, Timeout: 1 })) };
    expect(leaks(earlier, later, nothing)).to.deep.equal([]);
    expect(leaks(earlier, later)).to.have.length(1);
    expect(leaks(earlier, later, { ...nothing, ...earlier })).to.have.length(1);
    expect(leaks({}, { resources: new Map([['Timeout', 1]]) }, nothing)).to.have.length(1);
  });
});

describe('The root hook', () => {
  const fixture = fileURLToPath(new URL('./leaks.fixture.ts', import.meta.url));
  const hooks = fileURLToPath(new URL('../support/run/root-hooks.ts', import.meta.url));
  const mocha = fileURLToPath(new URL('../../node_modules/mocha/bin/mocha.js', import.meta.url));

  interface Run {
    passes: { fullTitle: string }[];
    failures: { fullTitle: string; err: { message: string } }[];
  }

  /** Runs the fixture as a test run of its own on this run's server. */
  async function runFixture(): Promise<Run> {
    const { adminUrl } = await testServer();
    const args = [
      '--no-config',
      '--timeout',
      '20000',
      '--node-option',
      'import=tsx',
      '--require',
      hooks,
      '--reporter',
      'json',
      fixture,
    ];
    const options = {
      env: { ...process.env, DATABASE_URL: adminUrl, LEAK_PATIENCE_MS: '300', UNIT_ONLY: '1' },
      timeout: 60_000,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [mocha, ...args], options).catch((error) => error);
    return JSON.parse(stdout);
  }

  it('fails each test and each file that leaves something behind, skips the rest of that file, and runs the others', async function () {
    this.timeout(60_000);
    const { passes, failures } = await runFixture();
    const blame = (start: string) => failures.find(({ fullTitle }) => fullTitle.startsWith(start))?.err.message ?? '';
    expect(blame('leaves a session "after each"')).to.match(/this test has left behind: .*the session "forgotten"/);
    expect(blame('leaves a lock "after each"')).to.match(/the advisory lock \(1, 2\)/);
    expect(blame('leaves a process "after each"')).to.match(/the process \d+ \(sleep 300\)/);
    expect(blame('leaves a timer "after each"')).to.match(/1 active Timeout/);
    expect(blame('leaves a thread "after each"')).to.match(/1 active Worker/);
    expect(blame('leaves a socket "after each"')).to.match(/1 active TCPServerWrap/);
    expect(blame('keeps a session and never ends it "after all"')).to.match(/this file has left behind: .*"kept"/);
    expect(failures.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`)).to.have.length(7);
    expect(passes.map(({ fullTitle }) => fullTitle)).to.include.members([
      'is tidy before all',
      'is tidy keeps what before made',
      'is tidy after all',
    ]);
    expect(passes.some(({ fullTitle }) => fullTitle.includes('never runs'))).to.equal(false);
  });
});
