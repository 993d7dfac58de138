import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { maxSilenceMs } from '../../../../src/coordination/lock/liveness-stamp.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, post } from '../../../support/network/http.ts';
import { healthOf, isActive } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import type { Stall } from './stalling-node.ts';

const LEASE_MS = 1000;
const SILENCE_MS = maxSilenceMs(LEASE_MS);
/** Allowance for the next heartbeat, the takeover and a busy machine. */
const SLACK_MS = 10_000;
const MESSAGE = { userId: 1, groupId: 1, content: 'still active' };

describe('An active node whose event loop stalls', function () {
  this.timeout(90_000);
  const { database } = useDatabase({ each: true });
  let stalled: ChildProcess;
  let url: string;
  let other: LocalNode;
  let agent: http.Agent;

  beforeEach(async () => {
    await seedData(database.url);
    const env = { DATABASE_URL: database.url, LEASE_MS: String(LEASE_MS) };
    stalled = fork(fileURLToPath(new URL('stalling-node.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...env, PORT: String(await freePort()), NODE_NAME: 'node-a' },
    });
    other = localNode({ ...env, PORT: String(await freePort()), NODE_NAME: 'node-b', IS_ACTIVE: 'false' });
    agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    [url] = (await once(stalled, 'message')) as [string];
    await eventually('the first is active', () => isActive({ url }), { within: 20_000 });
    await other.start();
  });
  afterEach(async () => {
    agent.destroy();
    await other.stop();
    stalled.kill('SIGKILL');
    await once(stalled, 'exit');
  });

  const holderOf = async () => (await get(`${other.url}/cluster`)).body.active_node;
  const termOf = async () => (await healthOf(other)).term;
  const stall = async (how: Stall) => {
    stalled.send(how);
    await once(stalled, 'message');
  };

  it('for several leases keeps its role: its heartbeats continue', async () => {
    await eventually('the other knows', async () => (await holderOf()) === 'node-a');
    const term = await termOf();
    await stall({ forMs: 2.5 * LEASE_MS });
    // The response comes when it reads its sockets again.
    const { body } = await get(`${url}/health`, { deadline: 20_000 });
    expect(body).to.include({ active: true, term });
    expect((await post(`${url}/messages`, MESSAGE)).status).to.equal(200);
    expect(other.entries.filter(({ event }) => event === 'promoted')).to.deep.equal([]);
  });

  it('for too long loses its role, and refuses the first requests that it reads afterwards', async () => {
    // Two connections that are open before the stall: the node reads their requests first afterwards.
    await Promise.all([ask('GET', '/health'), ask('GET', '/health')]);
    await stall({ forMs: SILENCE_MS + SLACK_MS });
    const [health, message] = [ask('GET', '/health'), ask('POST', '/messages')];
    await eventually('the other takes over', () => isActive(other), { within: SILENCE_MS + SLACK_MS });
    expect((await post(`${other.url}/messages`, MESSAGE)).status).to.equal(200);
    expect((await health).body).to.include({ status: 'alive', active: false });
    expect((await message).status).to.equal(503);
    expect((await message).body).to.include({ code: 'not_active' });
    expect(await isActive(other), 'and stays active').to.equal(true);
  });

  it('is replaced when it never returns from an endless loop', async () => {
    const startedAt = performance.now();
    await stall('for ever');
    await eventually('the other takes over', () => isActive(other), { within: SILENCE_MS + SLACK_MS });
    expect(performance.now() - startedAt).to.be.above(SILENCE_MS);
    expect((await post(`${other.url}/messages`, MESSAGE)).status).to.equal(200);
  });

  /** A request on a kept-alive connection of `agent`. */
  function ask(method: string, path: string): Promise<{ status: number | undefined; body: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const request = http.request(`${url}${path}`, { method, agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      });
      request.on('error', reject);
      request.end(method === 'POST' ? JSON.stringify(MESSAGE) : undefined);
    });
  }
});
