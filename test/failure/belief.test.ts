import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { seedData } from '../../src/cli/seed-data.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { get, post } from '../support/http.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { localNode } from '../support/two-nodes.ts';
import { type LocalLock, localLock } from './coordinator.ts';

const LEASE_MS = 1000;

describe('A node believes in its duty no longer than its lease', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  describe('by its own clock', () => {
    let now: number;
    let local: LocalLock;
    beforeEach(() => {
      now = 1_000_000;
      local = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS, clock: () => now });
    });
    afterEach(() => local.lock.abandon('the test is over'));

    it('and stops before PostgreSQL has taken the lock away, without a word from anybody', async () => {
      expect(await local.lock.attempt(() => ({ reason: 'test', unseenMs: 0 }))).to.be.a('number');
      now += LEASE_MS * 0.89;
      expect(local.lock.term, 'within the lease').to.be.a('number');
      now += LEASE_MS * 0.02;
      expect(local.lock.term, 'when nine tenths of it are over').to.equal(null);
      expect(await local.onSession('SELECT plantao.hold_leader_lock() AS held')).to.deep.equal([{ held: true }]);
    });

    it('counted from when it asked: a slow answer cannot stretch it', async () => {
      await local.lock.attempt(() => ({ reason: 'test', unseenMs: 0 }));
      const beating = local.lock.heartbeat();
      now += LEASE_MS * 1.5;
      expect(await beating, 'confirmed').to.equal(true);
      expect(local.lock.term).to.equal(null);
    });

    it('and again when the next heartbeat is confirmed, since its session had the lock all the time', async () => {
      const term = await local.lock.attempt(() => ({ reason: 'test', unseenMs: 0 }));
      now += LEASE_MS;
      expect(local.lock.term).to.equal(null);
      expect(await local.lock.heartbeat()).to.equal(true);
      expect(local.lock.term).to.equal(term);
    });
  });

  it('also when its event loop has stalled: the first requests that it turns to are refused', async () => {
    await seedData(database.url);
    const stalled = fork(fileURLToPath(new URL('stalling-node.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, DATABASE_URL: database.url, PORT: String(await freePort()), LEASE_MS: String(LEASE_MS) },
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    const other = localNode({
      DATABASE_URL: database.url,
      PORT: String(await freePort()),
      NODE_NAME: 'node-b',
      IS_ACTIVE: 'false',
      LEASE_MS: String(LEASE_MS),
    });
    try {
      const [url] = (await once(stalled, 'message')) as [string];
      await eventually('the first is on duty', async () => (await get(`${url}/health`)).body.active === true);
      await other.start();
      // Two connections that are open before the stall: their requests are what the node turns to first after it.
      await Promise.all([ask(agent, 'GET', `${url}/health`), ask(agent, 'GET', `${url}/health`)]);
      stalled.send(2.5 * LEASE_MS);
      await once(stalled, 'message');
      const [health, message] = [ask(agent, 'GET', `${url}/health`), ask(agent, 'POST', `${url}/messages`)];
      await eventually('the other takes over', async () => (await get(`${other.url}/health`)).body.active === true);
      expect((await post(`${other.url}/messages`, MESSAGE)).status).to.equal(200);
      expect((await health).body).to.include({ status: 'alive', active: false });
      expect((await message).status).to.equal(503);
      expect((await message).body).to.include({ code: 'not_active' });
    } finally {
      agent.destroy();
      await other.stop();
      stalled.kill('SIGKILL');
      await once(stalled, 'exit');
    }
  });
});

const MESSAGE = { userId: 1, groupId: 1, content: 'on duty' };

/** A request on a kept-alive connection of `agent`. */
function ask(
  agent: http.Agent,
  method: string,
  url: string,
): Promise<{ status: number | undefined; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { method, agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      },
    );
    request.on('error', reject);
    request.end(method === 'POST' ? JSON.stringify(MESSAGE) : undefined);
  });
}
