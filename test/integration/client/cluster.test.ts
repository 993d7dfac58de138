import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import { errorOf } from '../../support/error-of.ts';
import { type FakeNode, startFakeNode } from '../../support/nodes/client-fake-node.ts';

const LOGIN = { user_id: 1, username: 'ana', cluster: 'c1', epoch: 'e1' };

describe('A client that signed in to a cluster', () => {
  const nodes: FakeNode[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.close();
  });

  const send = (response: ServerResponse, status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  /** Starts a node that serves, with a health response that a test can change. */
  const start = async (health: { cluster: string; epoch: string }) => {
    const state = { health, isServing: true };
    const node = await startFakeNode(({ path }, response) => {
      if (path === '/health') return void send(response, 200, { status: 'alive', ...state.health });
      if (!state.isServing) return void send(response, 503, { error: 'away', code: 'not_alive' });
      if (path === '/login') return void send(response, 200, LOGIN);
      send(response, 200, { message: 'sent', message_id: 7, cursor: 'x', timestamp: 't' });
    });
    nodes.push(node);
    return Object.assign(state, { node });
  };
  const posts = ({ heard }: FakeNode) => heard.filter(({ path }) => path === '/messages').length;
  const signedIn = async (...urls: string[]) => {
    const client = new ChatClient({ urls, backoff: { firstMs: 5, capMs: 20 } });
    await client.login('ana');
    expect(client.clusterId).to.equal('c1');
    return client;
  };

  it('sends nothing to a node of another cluster, and says so', async () => {
    const own = await start({ cluster: 'c1', epoch: 'e1' });
    const other = await start({ cluster: 'c2', epoch: 'e9' });
    const client = await signedIn(own.node.url, other.node.url);
    own.isServing = false;
    const error = await errorOf(client.send(1, 'Olá', { deadlineMs: 500 }));
    expect(error.message).to.contain(`${other.node.url} belongs to cluster c2, and this client signed in to c1`);
    expect(posts(other.node)).to.equal(0);
  });

  it('follows its cluster into a new epoch, and never back to a node that is still in the old one', async () => {
    const first = await start({ cluster: 'c1', epoch: 'e1' });
    const second = await start({ cluster: 'c1', epoch: 'e2' });
    const client = await signedIn(first.node.url, second.node.url);
    first.isServing = false;
    await client.send(1, 'after a failover of PostgreSQL');
    expect(posts(second.node)).to.equal(1);
    const before = posts(first.node);
    first.isServing = true;
    second.isServing = false;
    const error = await errorOf(client.send(1, 'Olá', { deadlineMs: 500 }));
    expect(error.message).to.contain(
      `${first.node.url} is on a database in epoch e1, which the cluster has left for e2`,
    );
    expect(posts(first.node), 'nothing is sent to the old primary').to.equal(before);
    first.health = { cluster: 'c1', epoch: 'e2' };
    await client.send(1, 'it has caught up');
    expect(posts(first.node)).to.equal(before + 1);
  });
});
