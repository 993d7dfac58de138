import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post, request } from '../../../support/network/http.ts';
import { healthOf } from '../../../support/nodes/health.ts';
import { type LocalNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface Cluster {
  term: number;
  active_node: string;
  active_url: string;
  nodes: Record<string, unknown>[];
  history: Record<string, unknown>[];
}

describe('Node control over HTTP', () => {
  const nodes = useTwoNodes();
  const untilActive = (node: LocalNode) =>
    eventually(`${node.name} is active, and each knows the role of the other`, async () => {
      const both = await Promise.all([healthOf(nodes.active), healthOf(nodes.standby)]);
      const isKnown = both.every(({ active_node, peers }) => active_node === node.name && isAlive(peers));
      return isKnown && (await healthOf(node)).active === true;
    });
  /** Repeated until it succeeds: right after a change a node may not know yet that the other can take over. */
  const handOver = (node: LocalNode, body?: JsonObject) =>
    eventually(`${node.name} hands over`, async () => {
      const response = await post(`${node.url}/switchover`, body);
      return response.status === 200 && response;
    });
  const isAlive = (peers: unknown) => (peers as { alive: boolean }[]).every(({ alive }) => alive);

  describe('GET /', () => {
    it('returns name and version as text', async () => {
      for (const headers of [{ accept: '*/*' }, { accept: 'text/plain' }, { accept: 'application/json' }]) {
        const { status, text, headers: received } = await get(`${nodes.standby.url}/`, { headers });
        expect(status).to.equal(200);
        expect(received['content-type']).to.equal('text/plain; charset=utf-8');
        expect(text).to.match(/^Plantão \d+\.\d+\.\d+\n$/);
      }
    });
    it('redirects a browser to the chat page', async () => {
      const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
      const { status, headers } = await get(`${nodes.active.url}/`, { headers: { accept } });
      expect(status).to.equal(302);
      expect(headers.location).to.equal('home');
    });
  });

  describe('GET /health', () => {
    it('reports on the active node its role and its peers', async () => {
      const { status, body } = await get(`${nodes.active.url}/health`);
      expect(status).to.equal(200);
      expect(body).to.deep.include({
        status: 'alive',
        active: true,
        role: 'active',
        auth: 'open',
        node: 'node-a',
        url: nodes.active.url,
        term: 1,
        active_node: 'node-a',
        paused_until: null,
        peers: [{ url: nodes.standby.url, node: 'node-b', alive: true, active: false }],
      });
    });
    it('names the active node on a standby', async () => {
      expect(await healthOf(nodes.standby)).to.deep.include({
        status: 'alive',
        active: false,
        role: 'standby',
        node: 'node-b',
        url: nodes.standby.url,
        term: 1,
        active_node: 'node-a',
        peers: [{ url: nodes.active.url, node: 'node-a', alive: true, active: true }],
      });
    });
  });

  describe('The load balancer checks', () => {
    it('report by status code for GET, HEAD and OPTIONS', async () => {
      for (const [node, path, expected] of [
        [nodes.active, '/primary', 200],
        [nodes.standby, '/primary', 503],
        [nodes.active, '/replica', 503],
        [nodes.standby, '/replica', 200],
        [nodes.active, '/readiness', 200],
        [nodes.standby, '/readiness', 200],
        [nodes.active, '/liveness', 200],
        [nodes.standby, '/health', 200],
      ] as const) {
        for (const method of ['GET', 'HEAD', 'OPTIONS']) {
          const { status, headers } = await request(method, node.url + path);
          expect(status, `${method} ${path} of ${node.name}`).to.equal(expected);
          expect(headers['retry-after']).to.equal(expected === 503 ? '1' : undefined);
        }
      }
    });
  });

  describe('GET /cluster', () => {
    it('lists the nodes and terms, identically on both nodes', async () => {
      for (const { url } of [nodes.active, nodes.standby]) {
        const { body } = await eventually('both rows are fresh', async () => {
          const response = await get<Cluster>(`${url}/cluster`);
          const roles = response.body.nodes.map(({ role }) => role);
          return roles.includes('active') && roles.includes('standby') && response;
        });
        expect(body).to.have.all.keys(
          'term',
          'active_node',
          'active_url',
          'no_active_ms',
          'cluster',
          'rival',
          'nodes',
          'history',
          'durability',
          'pause',
        );
        expect(body).to.include({ term: 1, active_node: 'node-a', active_url: nodes.active.url });
        const [first, second] = body.nodes;
        expect(first).to.include({ node: 'node-a', url: nodes.active.url, pid: process.pid, role: 'active', term: 1 });
        expect(second).to.include({ node: 'node-b', url: nodes.standby.url, role: 'standby', term: null });
        for (const row of body.nodes) {
          for (const field of ['heartbeat_age_ms', 'position', 'behind', 'waiters'])
            expect(row[field]).to.be.a('number');
          expect(row.heartbeat_age_ms).to.be.within(0, 3000);
        }
        const [term] = body.history;
        expect(term).to.include({ term: 1, node: 'node-a', url: nodes.active.url, ended_at: null, end_reason: null });
        expect(term).to.include({ reason: 'IS_ACTIVE at start', gap_ms: null });
        expect(term?.started_at).to.match(TIME);
        expect(term?.on_duty_ms).to.be.a('number').above(0);
      }
    });
  });

  describe('GET /metrics', () => {
    it('exposes the figures that alerts need', async () => {
      const figures = async ({ url }: LocalNode) => {
        const { text, headers } = await get(`${url}/metrics`);
        expect(headers['content-type']).to.match(/^text\/plain/);
        return Object.fromEntries([...text.matchAll(/^(plantao_\w+) (.+)$/gm)].map(([, name, value]) => [name, value]));
      };
      expect(await figures(nodes.active)).to.include({ plantao_active: '1', plantao_alive: '1', plantao_ready: '1' });
      expect(await figures(nodes.standby)).to.include({ plantao_active: '0', plantao_term: '1', plantao_waiters: '0' });
    });
  });

  describe('POST /fall and /revive', () => {
    it('make another node active, and the fallen one inactive', async () => {
      const { status, body } = await post(`${nodes.active.url}/fall`);
      expect(status).to.equal(200);
      expect(body).to.deep.equal({ status: 'system down', active: false });
      await eventually('the standby is active', async () => (await healthOf(nodes.standby)).active === true, {
        every: 5,
      });
      const down = await get(`${nodes.active.url}/health`);
      expect(down.status).to.equal(503);
      expect(down.body).to.include({ status: 'down', active: false, role: 'fallen' });
      await eventually('the fallen node knows who is active', async () => {
        const { active_node, term } = await healthOf(nodes.active);
        return active_node === 'node-b' && term === 2;
      });
    });

    it('do not take the lock from its holder when a node is revived', async () => {
      const { status, body } = await post(`${nodes.active.url}/revive`);
      expect(status).to.equal(200);
      expect(body).to.deep.equal({ status: 'system revived', active: false });
      expect(await healthOf(nodes.active)).to.include({ status: 'alive', role: 'standby' });
      await eventually('the revived node knows who is active', async () => {
        const { active_node, term } = await healthOf(nodes.active);
        return active_node === 'node-b' && term === 2;
      });
    });

    it('accept a revive on a node that has not fallen', async () => {
      expect((await post(`${nodes.standby.url}/revive`)).body).to.deep.equal({
        status: 'system revived',
        active: true,
      });
      expect((await post(`${nodes.active.url}/revive`)).body).to.deep.equal({
        status: 'system revived',
        active: false,
      });
    });

    it('leave no node active when all have fallen; the first revived one becomes active at once', async () => {
      await post(`${nodes.active.url}/fall`);
      await post(`${nodes.standby.url}/fall`);
      expect(await healthOf(nodes.standby)).to.include({ status: 'down', active: false });
      const refused = await post(`${nodes.standby.url}/login`, { username: 'x' });
      expect(refused.status).to.equal(503);
      const { body } = await post(`${nodes.active.url}/revive`);
      expect(body).to.deep.equal({ status: 'system revived', active: true });
      await post(`${nodes.standby.url}/revive`);
      await untilActive(nodes.active);
    });
  });

  describe('POST /switchover', () => {
    it('hands over to the named node and records the reason in the history', async () => {
      const { body } = await handOver(nodes.active, { to: 'node-b' });
      expect(body.message).to.be.a('string');
      await untilActive(nodes.standby);
      const { history } = (await get<Cluster>(`${nodes.standby.url}/cluster`)).body;
      expect(history[1]).to.include({ node: 'node-a', end_reason: 'switchover requested over HTTP' });
      expect(history[0]?.gap_ms).to.be.a('number').below(1000);
    });

    it('hands over to any standby when none is named', async () => {
      await handOver(nodes.standby);
      await untilActive(nodes.active);
    });

    it('refuses an unknown node, the active node itself, a fallen node and an invalid name', async () => {
      const refused = async (to: unknown) => {
        const { status, body } = await post(`${nodes.active.url}/switchover`, { to });
        return [status, body.code];
      };
      expect(await refused('node-z')).to.deep.equal([404, 'unknown_node']);
      expect(await refused('node-a')).to.deep.equal([409, 'already_active']);
      expect(await refused(7)).to.deep.equal([400, 'invalid_request']);
      expect(await refused('x'.repeat(65))).to.deep.equal([400, 'invalid_request']);
      await post(`${nodes.standby.url}/fall`);
      await eventually('the active knows that the other has fallen', async () => {
        const { peers } = (await get<{ peers: { alive: boolean }[] }>(`${nodes.active.url}/health`)).body;
        return peers.every(({ alive }) => !alive);
      });
      expect(await refused('node-b')).to.deep.equal([409, 'no_standby']);
      expect(await refused(null)).to.deep.equal([409, 'no_standby']);
      await post(`${nodes.standby.url}/revive`);
      expect((await healthOf(nodes.active)).active, 'and goes on being active').to.equal(true);
    });
  });
});
