import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { figureOf } from '../../../support/network/metrics.ts';
import { getText, RawClient } from '../../../support/network/raw-client.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const MAX_CONNECTIONS = 40;

describe('A node whose connections are all taken', () => {
  const nodes = useTwoNodes({ MAX_CONNECTIONS: String(MAX_CONNECTIONS), MAX_WAITERS: '30' });
  let clients: RawClient[] = [];
  afterEach(async () => {
    for (const client of clients) client.destroy();
    clients = [];
    const connections = () => figureOf(nodes.standby.url, 'plantao_connections').catch(() => MAX_CONNECTIONS);
    await eventually('the node has room again', async () => (await connections()) < 10);
  });

  /** Opens connections until the node has no more, each with one request. */
  async function take(request: string): Promise<void> {
    while (clients.length < MAX_CONNECTIONS) {
      const client = await RawClient.open(nodes.standby.url);
      clients.push(client);
      client.send(request);
    }
  }
  /** Uses a connection of its own: an HTTP library may still have an open one. */
  const responds = async () => {
    const client = await RawClient.open(nodes.standby.url);
    client.send(getText('/health'));
    await eventually('a response or the end', () => client.isEnded || client.statuses.length > 0);
    const [status] = client.statuses;
    client.destroy();
    return status === 200;
  };

  it('closes idle ones for a client that has a request, and logs that it is full', async () => {
    await take(getText('/health'));
    await eventually('the node responds to a new client', responds, { within: 15_000 });
    const entries = nodes.standby.entries.filter(({ event }) => event === 'connections_full');
    expect(entries.map(({ msg }) => msg)).to.deep.equal([
      'all 40 connections are taken (MAX_CONNECTIONS): others are refused, and idle ones are closed to make room',
    ]);
  });

  it('does not close those that a client uses once a second', async () => {
    const used = await RawClient.open(nodes.standby.url);
    clients.push(used);
    const startedAt = performance.now();
    await take(getText('/health'));
    const using = setInterval(() => used.send(getText('/health')), 1000);
    try {
      await eventually('the node responds to a new client', responds, { within: 15_000 });
    } finally {
      clearInterval(using);
    }
    expect(performance.now() - startedAt).to.be.above(2500);
    expect(used.isEnded).to.equal(false);
  });

  it('does not close those that wait for a response', async () => {
    const polls = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(nodes.standby.url)));
    clients.push(...polls);
    for (const poll of polls) poll.send(getText('/subscribe/status?timeout=3'));
    await take(getText('/health'));
    await eventually('the node responds to a new client', responds, { within: 15_000 });
    await eventually('every poll has its response', () => polls.every(({ statuses }) => statuses.length === 1));
    expect(polls.map(({ statuses }) => statuses[0])).to.deep.equal(polls.map(() => 204));
  });
});
