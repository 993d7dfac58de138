import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isFree } from '../../src/network/free-port.ts';
import { always } from '../support/always.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, post } from '../support/network/http.ts';
import { ClusterCommand, processesLeft } from '../support/nodes/cluster-command.ts';

describe('npm run cluster', function () {
  this.timeout(90_000);
  let base: string;
  let dataFolder: string;
  let port: number;
  const started: ClusterCommand[] = [];

  before(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'plantao test cluster-'));
    await chmod(base, 0o755);
    dataFolder = path.join(base, 'data');
    do port = await freePort();
    while (!(await isFree(port + 1)));
  });
  after(() => rm(base, { recursive: true, force: true }));
  // A test that failed leaves its command running, on the ports of the next test.
  afterEach(async () => {
    for (const command of started.splice(0)) {
      command.child.kill('SIGTERM');
      await command.exit;
    }
  });

  const run = (args: string[], env?: Record<string, string>) => {
    const command = new ClusterCommand(args, env);
    started.push(command);
    return command;
  };
  /** The processes that a launcher started on our data folder or ports and that still run. */
  const left = (pids: number[]) => processesLeft(dataFolder, pids);
  const start = (...args: string[]) => run(['--port', String(port), '--data', dataFolder, ...args]);
  const url = (index: number) => `http://localhost:${port + index}`;

  it('starts PostgreSQL and two nodes, survives the kill -9 of one, and stops gracefully on Ctrl-C', async () => {
    const command = start();
    await command.untilReady();
    for (const index of [0, 1]) expect(command.output).to.include(`${url(index)}/home`);
    const pids = command.pids();
    const [active = 0] = pids;

    const poll = get(`${url(1)}/subscribe/status?groupId=1`);
    const posted = await post(`${url(0)}/messages`, { userId: 1, groupId: 1, content: 'kept through everything' });
    expect(posted.status).to.equal(200);
    expect((await poll).status).to.equal(200);

    process.kill(active, 'SIGKILL');
    await eventually('the other is active', async () => (await get(`${url(1)}/health`)).body.active === true);
    await command.untilSays('it restarts the node', /node-\d+ was killed by SIGKILL; restarting it in \d\.\d s/);
    const [, again] = await command.untilSays('it is back', /is running again \(pid (\d+)\)/);
    await eventually('it is a standby', async () => (await get(`${url(0)}/health`)).body.active === false, {
      within: 20_000,
    });

    command.ctrlC();
    expect(await command.exit, command.errors).to.equal(0);
    const order = [...command.output.matchAll(/(node-\d+) +│ \S+ stopped/g)].map(([, node]) => node);
    expect(order, command.output).to.deep.equal([`node-${port}`, `node-${port + 1}`]);
    expect(command.output.trimEnd()).to.match(/everything has stopped$/);
    expect(await left([...pids, Number(again)])).to.deep.equal([]);
  });

  it('keeps its data between two starts, adds the demo data once, and deletes everything with --fresh', async () => {
    const second = start();
    await second.untilReady();
    const kept = await get<{ messages: { content: string }[] }>(`${url(0)}/messages?groupId=1`);
    expect(kept.body.messages.map(({ content }) => content))
      .to.have.length(3)
      .and.include('kept through everything');
    second.ctrlC();
    expect(await second.exit).to.equal(0);

    const fresh = start('--fresh', '--nodes', '1');
    await fresh.untilReady();
    const demo = await get<{ messages: unknown[] }>(`${url(0)}/messages?groupId=1`);
    expect(demo.body.messages).to.have.length(2);
    expect(await isFree(port + 1)).to.equal(true);
    fresh.ctrlC();
    expect(await fresh.exit).to.equal(0);
  });

  it('ends without an error, and stops initdb, when Ctrl-C interrupts the first start', async () => {
    const first = path.join(base, 'first');
    const command = run(['--port', String(port), '--data', first]);
    const isSettingUp = async () => (await readdir(first).catch(() => [])).some((name) => name.endsWith('.new'));
    await eventually('initdb runs', isSettingUp, { within: 30_000 });
    command.ctrlC();
    expect(await command.exit, command.errors).to.equal(0);
    expect(command.errors).to.equal('');
    expect(command.output).to.include('stopping the nodes');
  });

  it('leaves nothing behind after kill -9, and starts again', async () => {
    const killed = start();
    await killed.untilReady();
    const pids = killed.pids();
    killed.child.kill('SIGKILL');
    await killed.exit;
    const again = start();
    await again.untilReady();
    expect((await left(pids)).filter((line) => pids.includes(Number(line.split(' ')[0])))).to.deep.equal([]);

    // A second Ctrl-C while the first one waits for nodes that do not respond.
    for (const pid of again.pids()) process.kill(pid, 'SIGSTOP');
    again.ctrlC();
    await again.untilSays('it stops', /stopping the nodes/);
    const [, postgresPort] = await again.untilSays('PostgreSQL is running', /PostgreSQL is running on port (\d+)/);
    await always('PostgreSQL outlives the nodes', async () => !(await isFree(Number(postgresPort))), { forMs: 600 });
    again.ctrlC();
    expect(await again.exit).to.equal(1);
    expect(again.output).to.not.include('everything has stopped');
    await eventually('nothing is left', async () => (await left(again.pids())).length === 0);
  });

  describe('reports in one sentence', () => {
    async function refusal(command: ClusterCommand, exit = 1): Promise<string> {
      expect(await command.exit, command.output).to.equal(exit);
      expect(await left([])).to.deep.equal([]);
      return command.errors;
    }

    it('that a port is in use', async () => {
      const other = createServer().listen(port + 1, '127.0.0.1');
      await once(other, 'listening');
      const said = await refusal(start());
      other.close();
      await once(other, 'close');
      expect(said).to.equal(
        `port ${port + 1} is already in use: stop the other process or choose another port with --port\n`,
      );
    });

    it('that the data folder cannot be written', async () => {
      const file = path.join(base, 'file');
      await writeFile(file, '');
      const said = await refusal(run(['--port', String(port), '--data', file]));
      expect(said).to.match(/^The data folder .*file cannot be written \(EEXIST[^\n]*\): choose another folder\.\n$/);
    });

    it('that the database cannot be reached', async () => {
      const nowhere = await freePort();
      const env = { DATABASE_URL: `postgres://me:secret@127.0.0.1:${nowhere}/chat` };
      const said = await refusal(run(['--port', String(port)], env), 3);
      expect(said).to.match(
        new RegExp(
          `^the database chat on 127.0.0.1:${nowhere} cannot be used \\([^\n]*ECONNREFUSED[^\n]*\\): check DATABASE_URL[^\n]*\n$`,
        ),
      );
    });

    it('that a flag is wrong', async () => {
      const help = '(plantao cluster --help)\n';
      const nodes = `--nodes must be a whole number from 1 to 20, not "0" ${help}`;
      expect(await refusal(start('--nodes', '0'), 2)).to.equal(nodes);
      expect(await refusal(start('--port', '65535'), 2)).to.match(/^--port must be a whole number from 1 to 65534/);
      expect(await refusal(start('--fast'), 2)).to.equal(`Unknown option '--fast' ${help}`);
      const env = { DATABASE_URL: 'postgres://me@127.0.0.1/chat' };
      expect(await refusal(run(['--fresh'], env), 2)).to.match(/^--fresh deletes/);
    });

    it('that a setting is wrong', async () => {
      const said = await refusal(run(['--port', String(port), '--data', dataFolder], { LEASE_MS: 'soon' }), 2);
      expect(said).to.include('LEASE_MS');
    });
  });

  it('prints its help', async () => {
    const command = run(['--help']);
    expect(await command.exit).to.equal(0);
    for (const flag of ['--nodes', '--port', '--fresh', '--data', 'DATABASE_URL'])
      expect(command.output).to.include(flag);
  });
});
