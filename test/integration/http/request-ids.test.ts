import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type NodeProcess, startNode } from '../../support/nodes/node-process.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const idOf = async (url: string, headers: Record<string, string>) =>
  (await get(url, { headers })).headers['x-request-id'];

describe('X-Request-Id', () => {
  const nodes = useTwoNodes({ STANDBY_WRITES: 'forward' });

  it('repeats the id of the request', async () => {
    for (const id of [
      '5f0c',
      '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'a'.repeat(64),
      'trace:1/2+3=@x.y',
    ]) {
      expect(await idOf(`${nodes.active.url}/users`, { 'x-request-id': id })).to.equal(id);
    }
  });

  it('is a new id if the request has none or an invalid one', async () => {
    const odd = ['', ' ', 'a'.repeat(65), 'with space', 'olá', '"><script>', '-dash', 'a\tb', '{"a":1}', 'a, b'];
    const ids = await Promise.all(odd.map((id) => idOf(`${nodes.active.url}/users`, { 'x-request-id': id })));
    for (const [at, id] of ids.entries()) expect(id, odd[at]).to.match(UUID);
    expect(await idOf(`${nodes.active.url}/users`, {})).to.match(UUID);
    expect(new Set(ids).size).to.equal(odd.length);
  });

  it('is on errors, polls and pages too', async () => {
    const headers = { 'x-request-id': 'one' };
    for (const path of [
      '/no-such-route',
      '/messages?groupId=x',
      '/subscribe/status?timeout=0',
      '/health',
      '/docs',
      '/metrics',
    ]) {
      expect(await idOf(nodes.standby.url + path, headers), path).to.equal('one');
    }
  });

  it('stays the same when a standby forwards a write', async () => {
    const message = { userId: 1, groupId: 1, content: 'Olá!' };
    const given = await post(`${nodes.standby.url}/messages`, message, { headers: { 'x-request-id': 'forwarded' } });
    expect(given.status).to.equal(200);
    expect(given.headers['x-request-id']).to.equal('forwarded');
    const generated = await post(`${nodes.standby.url}/messages`, message);
    expect(generated.headers['x-request-id']).to.match(UUID);
  });
});

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
