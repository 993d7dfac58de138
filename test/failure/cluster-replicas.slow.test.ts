import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, type JsonObject, post } from '../support/network/http.ts';
import { ClusterCommand, processesLeft } from '../support/nodes/cluster-command.ts';
import { requireServerTools } from '../support/postgres/replica-tools.ts';

const PATIENCE = { within: 60_000 };
/** initdb, pg_basebackup and the migrations, on a busy machine. */
const START_TIMEOUT_MS = 150_000;

describe('npm run cluster -- --replicas 1', function () {
  this.timeout(480_000);
  let base: string;
  let port: number;
  const started: ClusterCommand[] = [];

  before(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'plantao-test-replicas-'));
    await chmod(base, 0o755);
    port = await freePort();
  });
  after(() => rm(base, { recursive: true, force: true, maxRetries: 20 }));
  afterEach(async () => {
    for (const command of started.splice(0)) {
      command.child.kill('SIGTERM');
      await command.exit;
    }
  });

  const run = (args: string[], env?: Record<string, string>) => {
    const command = new ClusterCommand(['--replicas', '1', '--nodes', '1', '--port', String(port), ...args], env);
    started.push(command);
    return command;
  };
  const send = async (content: string) => {
    const response = await eventually(
      `${content} is accepted`,
      async () => {
        const sent = await post<JsonObject>(`http://localhost:${port}/messages`, { userId: 1, groupId: 1, content });
        return sent.status === 200 && sent;
      },
      PATIENCE,
    );
    return response.body.durable;
  };
  const contents = async () => {
    const { body } = await get<{ messages: { content: string }[] }>(`http://localhost:${port}/messages?groupId=1`);
    return body.messages.map(({ content }) => content);
  };
  const kill = (pid: string | undefined) => process.kill(Number(pid), 'SIGKILL');

  it('survives the kill -9 of the primary and of the standby, keeps what it acknowledged, and leaves nothing behind', async function () {
    await requireServerTools(this);
    const data = path.join(base, 'data');
    const command = run(['--data', data]);
    await command.untilReady(START_TIMEOUT_MS);
    const [, name, pid] = await command.untilSays('which the primary is', /primary is (pg\d) \(pid (\d+)\) and its/);
    expect(name).to.equal('pg1');
    expect(command.output).to.include('as a demonstration: in production, use Patroni or a managed service');
    expect(await send('on both')).to.equal('replicated');

    kill(pid);
    await command.untilSays('the standby is promoted', /the primary pg1 exited: promoting its synchronous standby pg2/);
    await send('on the promoted one');
    const again = /pg1 is the synchronous standby of pg2 \(pid (\d+)\)/;
    const [, standbyPid] = await command.untilSays('the former primary is copied again', again, PATIENCE.within);
    await eventually(
      'acknowledgements say replicated',
      async () => (await send('with a standby')) === 'replicated',
      PATIENCE,
    );

    kill(standbyPid);
    await command.untilSays('posts do not wait', /the standby pg1 exited: posts do not wait for it \(durable: local\)/);
    await send('without a standby');
    const twice = new RegExp(`${again.source}[^]*${again.source}`);
    await command.untilSays('the standby is copied again', twice, PATIENCE.within);

    command.ctrlC();
    expect(await command.exit, command.errors).to.equal(0);
    expect(await processesLeft(data, command.pids())).to.deep.equal([]);

    // The next run knows which server is the primary.
    const second = run(['--data', data]);
    await second.untilReady(START_TIMEOUT_MS);
    expect(second.output).to.match(/primary pg2 on port/);
    expect(await contents()).to.include.members(['on both', 'on the promoted one', 'without a standby']);
    second.ctrlC();
    expect(await second.exit, second.errors).to.equal(0);
    expect(await processesLeft(data, second.pids())).to.deep.equal([]);
  });

  it('says in one sentence that it starts its own servers, if the settings name a database', async () => {
    const command = run([], { DATABASE_URL: 'postgres://me@127.0.0.1/chat' });
    expect(await command.exit).to.equal(2);
    expect(command.errors).to.equal(
      '--replicas starts PostgreSQL servers, but the settings name another database (plantao cluster --help)\n',
    );
  });
});
