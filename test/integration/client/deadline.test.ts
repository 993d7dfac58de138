import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { type Behaviour, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

/** How long a slow node takes for GET /health: less than the client's limit for it. */
const SLOW_MS = 80;
const DEADLINE_MS = 600;

describe('The checks of a node before a request', () => {
  const nodes: FakeNode[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const start = async (behave: Behaviour) => {
    const node = await startFakeNode(behave);
    nodes.push(node);
    return node;
  };
  afterEach(async () => {
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(nodes.splice(0).map((node) => node.close()));
  });

  const health: Behaviour = (_, response) => json(response, 200, { status: 'alive', cluster: 'c1', epoch: 'e1' });
  const slowHealth: Behaviour = (heard, response) => {
    timers.add(setTimeout(() => health(heard, response), SLOW_MS));
  };

  it('share the deadline of the call: each takes what is left of it', async () => {
    const node = await start((heard, response) => {
      if (heard.path === '/health') slowHealth(heard, response);
    });
    const client = new ChatClient({ urls: [node.url], userId: 1, clusterId: 'c1', deadlineMs: DEADLINE_MS });
    const error = await client.account.changePassword('old', 'battery staple').catch((caught) => caught);
    expect(error).to.include({ name: 'OutcomeUnknownError' });
    const [, ms] = /did not respond within (\d+) ms/.exec(error.message) ?? [];
    expect(Number(ms), 'time of the request after the check').to.be.within(1, DEADLINE_MS - SLOW_MS);
  });

  it('ask GET /health once, for the cluster and for a request that must not be repeated', async () => {
    const node = await start((heard, response) => {
      if (heard.path === '/health') health(heard, response);
      else json(response, 200, { message: 'password changed', token: 'new' });
    });
    const client = new ChatClient({ urls: [node.url], userId: 1, clusterId: 'c1' });
    const before = () => node.heard.slice(0, node.heard.findIndex(({ path }) => path === '/password') + 1);
    await client.account.changePassword('old', 'battery staple');
    expect(before().map(({ path }) => path)).to.deep.equal(['/health', '/password']);
  });
});
