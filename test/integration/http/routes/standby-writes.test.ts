import http from 'node:http';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { del, get, post, request } from '../../../support/network/http.ts';
import { figureOf } from '../../../support/network/metrics.ts';
import { postText, RawClient } from '../../../support/network/raw-client.ts';
import { knowEachOther, localNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { createDatabase } from '../../../support/postgres/postgres.ts';

describe('A standby with STANDBY_WRITES=forward', () => {
  const nodes = useTwoNodes({ STANDBY_WRITES: 'forward', TRUST_PROXY: '127.0.0.1,::1' });
  const at = (path: string) => nodes.standby.url + path;

  it('returns the response of the active node to every kind of write', async () => {
    const group = await post<{ group_id: number }>(at('/create-chat'), { groupName: 'Encaminhado', creatorId: 1 });
    expect(group.status).to.equal(200);
    const message = { userId: 1, groupId: group.body.group_id, content: 'olá' };
    const headers = { 'idempotency-key': 'forwarded-1' };
    const first = await post<{ message_id: number }>(at('/messages'), message, { headers });
    const again = await post(`${nodes.active.url}/messages`, message, { headers });
    expect([first.status, first.text]).to.deep.equal([200, again.text]);
    const varying = ['date', 'connection', 'keep-alive', 'x-request-id'];
    const kept = (all: http.IncomingHttpHeaders) => Object.entries(all).filter(([name]) => !varying.includes(name));
    expect(kept(first.headers)).to.have.deep.members(kept(again.headers));
    const deleted = await del(at('/messages'), { messageId: first.body.message_id });
    expect([deleted.status, deleted.body]).to.deep.equal([200, { message: 'message deleted' }]);
    const query = await request('DELETE', at(`/group-users?groupId=${group.body.group_id}&userId=1`));
    expect([query.status, query.body.message]).to.deep.equal([200, 'left']);
  });

  it('names the device of a forwarded sign-in as the active node would', async () => {
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0' };
    const { body } = await post<{ user_id: number }>(at('/login'), { username: 'aparelho' }, { headers });
    const list = await get<{ sessions: { device: string | null }[] }>(at(`/sessions?userId=${body.user_id}`));
    expect(list.body.sessions.map(({ device }) => device)).to.deep.equal(['Firefox on Linux']);
  });

  it('returns the errors of the active node, with their headers', async () => {
    for (const [path, body, headers] of [
      ['/messages', '{"broken', { 'content-type': 'application/json' }],
      ['/messages', 'text', { 'content-type': 'text/plain' }],
      ['/messages', { userId: 1, groupId: 999_999, content: 'x' }, {}],
      ['/messages', { userId: 1 }, {}],
      ['/notify/%00', {}, {}],
    ] as const) {
      const [own, other] = await Promise.all(
        [at(path), nodes.active.url + path].map((url) => post(url, body, { headers })),
      );
      expect([own?.status, own?.text], path).to.deep.equal([other?.status, other?.text]);
    }
    const large = await post(at('/messages'), { userId: 1, groupId: 1, content: 'x'.repeat(200_000) });
    expect([large.status, large.body.code]).to.deep.equal([413, 'too_large']);
  });

  it('forwards the target as the client wrote it, with the status that the active node gives it', async () => {
    const paths = [
      '/notify/..',
      '/notify/%2e%2E',
      '/notify/a\\b',
      '/notify/a%5cb',
      '/notify/a%2Fb%3Fc',
      '/notify/ol\xc3\xa1',
    ];
    const targets = [
      ...paths,
      '/notify/x?a=..#/b',
      '//notify/x',
      'http://localhost/notify/x',
      'http://localhost:1/notify/x?y=1',
    ];
    for (const target of targets) {
      const [own, other] = await Promise.all(
        [nodes.standby, nodes.active].map(async ({ url }) => {
          const client = await RawClient.open(url);
          await client.send(postText(target, {}, 'Host: localhost\r\nConnection: close\r\n')).closed();
          return client;
        }),
      );
      const message = (client?: RawClient) => /"(?:message|error)":"[^"]*"/.exec(client?.heard ?? '')?.[0];
      expect([own?.statuses, message(own)], target).to.deep.equal([other?.statuses, message(other)]);
    }
  });

  it('refuses a body that is too large before its end, however it is sent, and forgets one that is aborted', async () => {
    const head = 'POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const piece = `${(4096).toString(16)}\r\n${'x'.repeat(4096)}\r\n`;
    for (const { url } of [nodes.standby, nodes.active]) {
      for (const [large, rest] of [
        [`${head}Content-Length: 200000\r\n\r\n`, 'x'.repeat(200_000)],
        [`${head}Content-Length: 200000\r\n\r\n${'x'.repeat(150_000)}`, 'x'.repeat(50_000)],
        [`${head}Transfer-Encoding: chunked\r\n\r\n${piece.repeat(40)}`, '0\r\n\r\n'],
      ] as const) {
        const client = await RawClient.open(url);
        client.send(large);
        await eventually('it has a response', () => client.statuses.length > 0 || client.isClosed);
        expect(client.statuses).to.deep.equal([413]);
        client.send(`${rest}GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        await eventually('the connection serves the next request', () => client.statuses.length > 1);
        expect(client.statuses).to.deep.equal([413, 200]);
        client.destroy();
      }
    }
    // useTwoNodes fails if a node has logged an error.
    for (const { url } of [nodes.standby, nodes.active]) {
      for (const [how, more] of [
        ['destroy', 'Content-Length: 100\r\n'],
        ['reset', 'Content-Length: 100\r\n'],
        ['reset', 'Transfer-Encoding: chunked\r\n'],
      ] as const) {
        const client = await RawClient.open(url);
        client.send(`${head}${more}\r\na\r\n{"userId":`);
        await eventually('it is handled', async () => (await figureOf(url, 'plantao_requests')) > 1);
        client[how]();
        await eventually('it is over', async () => (await figureOf(url, 'plantao_requests')) === 1);
      }
    }
  });

  it('serves other clients while a thousand have sent a part of their bodies', async function () {
    this.timeout(60_000);
    const head = 'POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const slow = await Promise.all(Array.from({ length: 1001 }, () => RawClient.open(nodes.standby.url)));
    const requests = () => figureOf(nodes.standby.url, 'plantao_requests');
    try {
      for (const client of slow) client.send(`${head}Content-Length: 100\r\n\r\n{`);
      await eventually('all have arrived', async () => (await requests()) > slow.length, { within: 30_000 });
      expect((await post(at('/messages'), { userId: 1, groupId: 1, content: 'x' })).status).to.equal(200);
    } finally {
      for (const client of slow) client.destroy();
    }
    await eventually('all are over', async () => (await requests()) === 1, { within: 30_000 });
    // The probes of a busy process may have failed meanwhile.
    await knowEachOther(nodes);
  });

  it('forwards once: a request that was forwarded before is refused', async () => {
    const headers = { 'x-plantao-forwarded-by': 'node-c' };
    const { status, body } = await post(at('/messages'), { userId: 1, groupId: 1, content: 'x' }, { headers });
    expect([status, body.code, body.active_url]).to.deep.equal([503, 'not_active', nodes.active.url]);
  });

  it('lets pages of its own origin write, and no foreign ones', async () => {
    const message = { userId: 1, groupId: 1, content: 'x' };
    const own = await post(at('/messages'), message, { headers: { origin: nodes.standby.url } });
    expect([own.status, own.headers['access-control-allow-origin']]).to.deep.equal([200, nodes.standby.url]);
    const foreign = await post(at('/messages'), message, { headers: { origin: 'https://evil.example' } });
    expect([foreign.status, foreign.body.code]).to.deep.equal([403, 'foreign_origin']);
  });

  it('serves writes without an error through a switchover, and as the active node afterwards', async () => {
    let [isOver, sent] = [false, 0];
    const failures: string[] = [];
    const send = async (url: string) => {
      while (!isOver) {
        sent += 1;
        const headers = { 'idempotency-key': `switchover-${sent}` };
        const { status, text } = await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'x' }, { headers });
        if (status !== 200) failures.push(text);
      }
    };
    const writers = Promise.all([send(nodes.active.url), send(nodes.standby.url)]);
    const moved = await post(at('/switchover'), {});
    expect([moved.status, moved.body.active_node]).to.deep.equal([200, nodes.standby.name]);
    await eventually('the other node is a standby', async () => {
      return (await get(`${nodes.active.url}/replica`)).status === 200;
    });
    isOver = true;
    await writers;
    expect(failures).to.deep.equal([]);
    expect((await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'x' })).status).to.equal(200);
  });

  it('refuses writes with not_alive when it has fallen', async () => {
    await post(`${nodes.standby.url}/fall`);
    await eventually('the other node is active', async () => (await get(`${nodes.active.url}/primary`)).status === 200);
    await post(`${nodes.active.url}/fall`);
    const { status, body } = await post(at('/login'), { username: 'ninguém' });
    expect([status, body.code], 'a fallen node does not forward').to.deep.equal([503, 'not_alive']);
    await post(`${nodes.active.url}/revive`);
    await post(`${nodes.standby.url}/revive`);
  });
});

describe('A standby with STANDBY_WRITES=forward and no active peer', () => {
  it('never forwards to an address that does not respond as a peer of this cluster', async () => {
    const database = await createDatabase();
    const port = await freePort();
    const received: string[] = [];
    const stranger = http.createServer((incoming, response) => {
      received.push(incoming.url ?? '');
      const health = {
        status: 'alive',
        active: true,
        role: 'active',
        node: 'x',
        cluster: 'other',
        epoch: 'e',
        term: 9,
      };
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(health));
    });
    await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
    const node = localNode({
      DATABASE_URL: database.url,
      PORT: String(await freePort()),
      NODE_NAME: 'node-b',
      PEER_URL: `http://127.0.0.1:${port}`,
      IS_ACTIVE: 'false',
      STANDBY_WRITES: 'forward',
      SHOW_ACTIVE_URL: 'false',
    });
    try {
      await node.start();
      await eventually('the stranger was probed', () => received.length > 0);
      const { status, body, ms } = await post(`${node.url}/login`, { username: 'ana' });
      expect([status, body.code, body.active_url]).to.deep.equal([503, 'not_active', null]);
      expect(ms).to.be.within(900, 5000);
      expect(received.filter((path) => path !== '/health')).to.deep.equal([]);
    } finally {
      await node.stop();
      await new Promise((resolve) => stranger.close(resolve));
      await database.drop();
    }
  });
});
