import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type NodeProcess, startNode } from '../../support/nodes/node-process.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('The log of a node', function () {
  this.timeout(60_000);
  const { database, sql: client } = useDatabase();
  let node: NodeProcess;
  before(async () => {
    node = await startNode({ databaseUrl: database.url, env: { LOG_FORMAT: 'json', LOG_LEVEL: 'info' } });
    await untilActive(node);
  });
  after(async () => {
    await node?.stop();
  });

  const shownLevel = async () => {
    const { rows } = await client.query("SELECT value FROM plantao.settings WHERE node = $1 AND name = 'LOG_LEVEL'", [
      node.name,
    ]);
    return rows[0]?.value;
  };
  const setLevel = (level: unknown) => post(`${node.url}/log-level`, { level } as Record<string, string>);
  const logsRequest = async (id: string) => {
    const since = node.entries.length;
    await get(`${node.url}/users?username=secret`, { headers: { 'x-request-id': id } });
    const entry = await node.untilLogged('the request', (one) => one.request_id === id, { since });
    expect(entry).to.include({ event: 'request', msg: 'GET /users: 200', node: node.name, term: 1 });
    expect(JSON.stringify(entry)).to.not.include('secret');
  };

  it('has the node and its term', async () => {
    const { headers } = await get(`${node.url}/health`);
    expect(headers['x-request-id']).to.match(UUID);
    const promoted = await node.untilLogged('its promotion', ({ event }) => event === 'promoted');
    expect(promoted).to.include({ node: node.name, term: 1 });
  });

  it('changes its level through POST /log-level, which plantao.settings shows', async () => {
    const { status, body } = await setLevel('debug');
    expect([status, body]).to.deep.equal([200, { level: 'debug', previous_level: 'info' }]);
    await logsRequest('while-debug');
    await eventually('plantao.settings shows debug', async () => (await shownLevel()) === 'debug');
    expect((await setLevel('info')).body).to.deep.equal({ level: 'info', previous_level: 'debug' });
    await node.untilLogged('the change', ({ msg }) =>
      /^the log level is now info \(was debug\): requested by HTTP client /.test(String(msg)),
    );
    await eventually('plantao.settings shows info', async () => (await shownLevel()) === 'info');
  });

  it('refuses a level that does not exist', async () => {
    for (const level of ['loud', '', 'DEBUG', 10, null, ['debug'], '__proto__']) {
      const { status, body } = await setLevel(level);
      expect([status, body.code], String(level)).to.deep.equal([400, 'invalid_request']);
    }
  });

  it('changes to debug and back on SIGUSR2', async () => {
    const signal = async (expected: string) => {
      const since = node.entries.length;
      node.kill('SIGUSR2');
      await node.untilLogged(expected, ({ msg }) => msg === expected, { since });
    };
    await signal('the log level is now debug (was info): signal SIGUSR2');
    await logsRequest('after-signal');
    await signal('the log level is now info (was debug): signal SIGUSR2');
    expect((await get(`${node.url}/health`)).status).to.equal(200);
  });

  it('shows the other settings, without secrets', async () => {
    const { rows } = await client.query('SELECT name, value FROM plantao.settings WHERE node = $1', [node.name]);
    const shown = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    expect(shown).to.include({ NODE_URL: node.url, NODE_NAME: node.name, AUTH: 'open', ADMIN_TOKEN: null });
    const { password } = new URL(database.url);
    if (password !== '') expect(JSON.stringify(shown)).to.not.include(password);
    expect(shown.DATABASE_URL).to.match(/^postgres(ql)?:\/\//);
  });
});
