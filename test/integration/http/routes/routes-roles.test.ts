import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, type HttpResponse, type JsonObject, post, request } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** A call for each route, by the roles that serve it. Ids are those of the demo data. */
const CONTROL = [
  '/',
  '/health',
  '/primary',
  '/replica',
  '/readiness',
  '/liveness',
  '/cluster',
  '/cluster/timeline',
  '/cluster/activity',
  '/cluster/blocking',
  '/metrics',
  '/home',
  '/manifest.webmanifest',
  '/service-worker.js',
  '/docs',
  '/openapi.json',
];
const READS = [
  '/chats?userId=1',
  '/messages?groupId=1',
  '/group-users?groupId=1',
  '/users?username=ana',
  '/groups',
  '/user/1/groups',
  '/me?userId=1',
  '/sessions?userId=1',
  '/sync?userId=1',
  '/search?userId=1&q=ol',
  '/read?userId=1&groupId=1',
  '/presence?userId=1&groupId=1',
  '/hooks?userId=1&groupId=1',
  '/invitations?userId=1&groupId=1',
  '/group-events?userId=1&groupId=1',
  '/subscribe/status?timeout=0',
  '/subscribe/user?user_id=1&timeout=0',
];
/** A read that does not end. streams.test.ts tests it. */
const STREAM = '/events?userId=1';
const WRITES: [method: string, path: string, body?: JsonObject][] = [
  ['POST', '/login', { username: 'carla' }],
  ['POST', '/register', { username: 'duda', password: 'uma senha longa' }],
  ['POST', '/logout'],
  ['DELETE', '/tokens', { userId: 1 }],
  ['POST', '/switchover'],
  ['POST', '/messages', { userId: 1, groupId: 1, content: 'Olá' }],
  ['PATCH', '/messages', { messageId: 1, content: 'Oi' }],
  ['DELETE', '/messages', { messageId: 1 }],
  ['POST', '/notify/default'],
  ['POST', '/notify/all'],
  ['POST', '/create-chat', { groupName: 'Novo', creatorId: 1, members: [] }],
  ['POST', '/group-users', { groupId: 1, userId: 1 }],
  ['DELETE', '/group-users', { groupId: 1, userId: 1 }],
  ['POST', '/user/1/groups', { groups: ['Novo'] }],
  ['POST', '/user/1/groups/Novo'],
  ['DELETE', '/user/1/groups/Novo'],
  ['PATCH', '/me', { username: 'ana' }],
  ['POST', '/delete-account', { password: 'uma senha longa' }],
  ['POST', '/password', { password: 'uma senha longa', newPassword: 'outra senha longa' }],
  ['DELETE', '/sessions', { sessionId: 'x' }],
  ['PATCH', '/group-users', { groupId: 1, userId: 1, role: 'admin' }],
  ['PATCH', '/groups', { groupId: 1, name: 'Novo' }],
  ['DELETE', '/groups', { groupId: 1 }],
  ['POST', '/invitations', { groupId: 1 }],
  ['DELETE', '/invitations', { groupId: 1 }],
  ['POST', '/invitations/accept', { code: 'x' }],
  ['POST', '/hooks', { groupId: 1, name: 'Backup' }],
  ['DELETE', '/hooks', { hookId: 1 }],
  ['POST', '/hooks/none', { content: 'Olá' }],
  ['POST', '/direct', { otherUserId: 2 }],
  ['POST', '/reactions', { messageId: 1, emoji: '👍' }],
  ['DELETE', '/reactions', { messageId: 1, emoji: '👍' }],
  ['POST', '/read', { groupId: 1, messageId: 1 }],
];

describe('Roles and routes:', () => {
  const nodes = useTwoNodes();

  const expectNotActive = (response: HttpResponse<JsonObject>, activeUrl: string | null) => {
    expect(response.status).to.equal(503);
    expect(response.body).to.deep.equal({
      error: 'system not available - not active',
      code: 'not_active',
      active_url: activeUrl,
    });
    expect(Number(response.headers['retry-after'])).to.be.at.least(1);
  };
  const expectNotAlive = (response: HttpResponse<JsonObject>) => {
    expect(response.status).to.equal(503);
    expect(response.body).to.deep.equal({ error: 'system not available - not alive', code: 'not_alive' });
    expect(Number(response.headers['retry-after'])).to.be.at.least(1);
  };

  it('the table of this test has every route of /openapi.json', async () => {
    const { body } = await get<{ paths: Record<string, Record<string, unknown>> }>(`${nodes.active.url}/openapi.json`);
    const documented = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const gets = [...CONTROL, ...READS, STREAM].map((path) => `GET ${path}`);
    const calls = [...gets, ...WRITES.map(([method, path]) => `${method} ${path}`), 'POST /fall', 'POST /revive'];
    calls.push('POST /log-level', 'POST /pause', 'POST /resume');
    // Served by a standby too, and stored nowhere.
    calls.push('POST /typing', 'POST /invitations/check');
    const missing = documented.filter((one) => {
      const pattern = new RegExp(`^${one.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/?]+')}(\\?|$)`);
      return !calls.some((call) => pattern.test(call));
    });
    expect(missing.filter((one) => !one.startsWith('GET /assets/'))).to.deep.equal([]);
  });

  describe('the active node', () => {
    for (const path of [...CONTROL.filter((one) => one !== '/replica'), ...READS]) {
      it(`serves GET ${path}`, async () => {
        const { status } = await get(`${nodes.active.url}${path}`);
        expect(status).to.be.within(200, 204);
      });
    }
    it('passes /primary and fails /replica', async () => {
      expect((await get(`${nodes.active.url}/primary`)).status).to.equal(200);
      expect((await get(`${nodes.active.url}/replica`)).status).to.equal(503);
    });
  });

  describe('a standby', () => {
    for (const path of [...CONTROL.filter((one) => one !== '/primary'), ...READS]) {
      it(`serves GET ${path}`, async () => {
        const { status } = await get(`${nodes.standby.url}${path}`);
        expect(status).to.be.within(200, 204);
      });
    }
    for (const [method, path, body] of WRITES) {
      it(`names the active node on ${method} ${path}`, async () => {
        const response = await request(method, `${nodes.standby.url}${path}`, { body });
        expectNotActive(response, nodes.active.url);
      });
    }
    it('passes /replica and fails /primary', async () => {
      expect((await get(`${nodes.standby.url}/replica`)).status).to.equal(200);
      expect((await get(`${nodes.standby.url}/primary`)).status).to.equal(503);
    });
    it('returns not_active before it validates the request', async () => {
      for (const body of ['{', { userId: 'x' }, 'x'.repeat(200_000)]) {
        expectNotActive(await post(`${nodes.standby.url}/messages`, body), nodes.active.url);
      }
    });
  });

  describe('a fallen node', () => {
    before(() => post(`${nodes.standby.url}/fall`));
    after(async () => {
      await post(`${nodes.standby.url}/revive`);
      await eventually('it is ready again', async () => (await get(`${nodes.standby.url}/replica`)).status === 200);
    });

    it('serves the control routes', async () => {
      const statuses = await Promise.all(
        CONTROL.map(async (path) => (await get(`${nodes.standby.url}${path}`)).status),
      );
      expect(Object.fromEntries(CONTROL.map((path, at) => [path, statuses[at]]))).to.deep.equal({
        '/': 200,
        '/health': 503,
        '/primary': 503,
        '/replica': 503,
        '/readiness': 503,
        '/liveness': 200,
        '/cluster': 200,
        '/cluster/timeline': 200,
        '/cluster/activity': 200,
        '/cluster/blocking': 200,
        '/metrics': 200,
        '/home': 200,
        '/manifest.webmanifest': 200,
        '/service-worker.js': 200,
        '/docs': 200,
        '/openapi.json': 200,
      });
    });
    for (const path of READS) {
      it(`refuses GET ${path}`, async () => expectNotAlive(await get(`${nodes.standby.url}${path}`)));
    }
    it(`ends GET ${STREAM} with the event unavailable`, async () => {
      const { status, text } = await get(`${nodes.standby.url}${STREAM}`);
      expect([status, /^event: unavailable\ndata: .*"code":"not_alive"/m.test(text)]).to.deep.equal([200, true]);
    });
    for (const [method, path, body] of WRITES) {
      it(`refuses ${method} ${path}`, async () =>
        expectNotAlive(await request(method, `${nodes.standby.url}${path}`, { body })));
    }
    it('is reported as fallen by itself and by /cluster of the other node', async () => {
      expect((await get(`${nodes.standby.url}/health`)).body).to.include({ status: 'down', active: false });
      await eventually('the other sees it', async () => {
        const { body } = await get<{ nodes: { node: string; role: string }[] }>(`${nodes.active.url}/cluster`);
        return body.nodes.find(({ node }) => node === nodes.standby.name)?.role === 'fallen';
      });
    });
    it('accepts a second /fall', async () => {
      expect((await post(`${nodes.standby.url}/fall`)).body).to.deep.equal({ status: 'system down', active: false });
    });
  });
});
