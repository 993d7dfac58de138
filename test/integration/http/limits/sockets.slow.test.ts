import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { figureOf } from '../../../support/network/metrics.ts';
import { getText, postText, RawClient } from '../../../support/network/raw-client.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const SLOTS = 'plantao_poll_slots';
/** Node parses a chunk of 64 KiB in one go: 2,500 requests take a while on a busy machine. */
const PATIENCE = { within: 20_000 };
const WAITERS = 'plantao_waiters';

describe('One connection', () => {
  const nodes = useTwoNodes({ MAX_WAITERS: '500' });
  const isEmpty = async (url: string) => (await figureOf(url, SLOTS)) === 0 && (await figureOf(url, WAITERS)) === 0;
  const untilEmpty = (url: string, within = 5000) => eventually('no slot is taken', () => isEmpty(url), { within });
  const untilWaiting = (url: string, least = 1) =>
    eventually(`${least} wait`, async () => (await figureOf(url, SLOTS)) >= least);

  for (const how of ['destroy', 'reset'] as const) {
    it(`frees every slot of 60 pipelined polls on ${how}`, async () => {
      const { url } = nodes.standby;
      const client = await RawClient.open(url);
      client.send(getText('/subscribe/status?timeout=20').repeat(60));
      await untilWaiting(url);
      client[how]();
      await untilEmpty(url);
    });
  }

  it('frees every slot of pipelined polls when the client vanishes after the first response', async () => {
    const { url } = nodes.standby;
    const client = await RawClient.open(url);
    client.send(getText('/subscribe/status?timeout=0') + getText('/subscribe/user?user_id=1&timeout=20').repeat(30));
    await eventually('the first has a response', () => client.statuses.length === 1);
    await untilWaiting(url);
    client.destroy();
    await untilEmpty(url);
  });

  it('cannot fill a node with 2,500 pipelined streams, and ten leave nothing behind', async () => {
    const { url } = nodes.standby;
    const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(url)));
    for (const client of clients) client.send(getText('/events?userId=1').repeat(2500));
    await eventually(
      'a slot is taken or all are cut off',
      async () => {
        return (await figureOf(url, SLOTS)) > 0 || clients.every(({ isClosed }) => isClosed);
      },
      PATIENCE,
    );
    expect(await figureOf(url, SLOTS)).to.be.below(500);
    expect((await get(`${url}/subscribe/status?timeout=0`)).status).to.equal(204);
    for (const client of clients) client.destroy();
    await untilEmpty(url, 20_000);
  });

  it('gets all responses to 500 pipelined requests, in order', async () => {
    const client = await RawClient.open(nodes.active.url);
    const paths = Array.from({ length: 500 }, (_, at) => (at % 2 === 0 ? '/chats?userId=1' : '/nothing'));
    client.send(paths.map((path) => getText(path)).join(''));
    await eventually('all have a response', () => client.statuses.length === paths.length, { within: 20_000 });
    expect(client.statuses).to.deep.equal(paths.map((_, at) => (at % 2 === 0 ? 200 : 404)));
    client.destroy();
  });
});

describe('A client that half-closes after its request', () => {
  const nodes = useTwoNodes();
  const message = (content: string) => postText('/messages', { userId: 1, groupId: 1, content });

  it('gets the response to its message', async () => {
    const client = await RawClient.open(nodes.active.url);
    await client.send(message('half closed')).halfClose().closed();
    expect(client.statuses).to.deep.equal([200]);
    expect(client.heard).to.include('"message_id"');
  });

  it('gets all responses to its pipelined requests before the connection ends', async () => {
    const client = await RawClient.open(nodes.active.url);
    await client
      .send(getText('/health') + message('one') + message('two') + getText('/chats?userId=1'))
      .halfClose()
      .closed();
    expect(client.statuses).to.deep.equal([200, 200, 200, 200]);
  });

  it('gets the events that its poll waits for', async () => {
    const client = await RawClient.open(nodes.standby.url);
    client.send(getText('/subscribe/user?user_id=1&timeout=20')).halfClose();
    await eventually('it waits', async () => (await figureOf(nodes.standby.url, SLOTS)) === 1);
    const writer = await RawClient.open(nodes.active.url);
    await writer.send(message('news for the half-closed')).halfClose().closed();
    await client.closed();
    expect(client.statuses).to.deep.equal([200]);
    expect(client.heard).to.include('news for the half-closed');
  });

  it('gets 204 with a cursor within its timeout when no event occurs', async () => {
    const client = await RawClient.open(nodes.standby.url);
    await client.send(getText('/subscribe/status?group=silent&timeout=1')).halfClose().closed(5000);
    expect(client.statuses).to.deep.equal([204]);
    expect(client.heard).to.match(/\r\nCursor: [0-9a-f]{12}-\d+\r\n/);
  });

  it('continues to receive its stream, and is detected when it vanishes', async () => {
    const { url } = nodes.standby;
    const client = await RawClient.open(url);
    client.send(getText('/events?userId=1')).halfClose();
    await eventually('the stream has begun', () => client.heard.includes('retry:'));
    const writer = await RawClient.open(nodes.active.url);
    await writer.send(message('for the stream')).halfClose().closed();
    await eventually('it receives the message', () => client.heard.includes('for the stream'));
    client.destroy();
    await eventually('its slot is free', async () => (await figureOf(url, SLOTS)) === 0);
  });

  it('gets responses to its complete requests, and 400 for the incomplete one', async () => {
    const client = await RawClient.open(nodes.active.url);
    await client
      .send(message('whole') + message('broken off').slice(0, -5))
      .halfClose()
      .closed();
    expect(client.statuses).to.deep.equal([200, 400]);
  });
});

describe('A poll while the database does not respond', () => {
  const nodes = useTwoNodes();

  it('ends at its deadline, counted from its arrival, with the cursor that it sent', async () => {
    const { url } = nodes.standby;
    const client = new pg.Client({ connectionString: nodes.database.url });
    await client.connect();
    try {
      const { headers } = await get(`${url}/subscribe/status?timeout=0`);
      await client.query('BEGIN; LOCK TABLE plantao.memberships IN ACCESS EXCLUSIVE MODE');
      const polls = ['timeout=0', `timeout=0&cursor=${headers.cursor}`, `timeout=2&cursor=${headers.cursor}`];
      const responses = await Promise.all(polls.map((query) => get(`${url}/subscribe/user?user_id=2&${query}`)));
      expect(responses.map(({ status }) => status)).to.deep.equal([204, 204, 204]);
      for (const response of responses) expect(response.headers.cursor).to.equal(headers.cursor);
      const [now, withCursor, later] = responses.map(({ ms }) => ms);
      expect(Math.max(now ?? 0, withCursor ?? 0)).to.be.below(2000);
      expect(later).to.be.within(1700, 3000);
      expect(await figureOf(url, SLOTS)).to.equal(0);
    } finally {
      await client.query('ROLLBACK');
      await client.end();
    }
    await eventually('it is heard again', async () => {
      return (await get(`${url}/subscribe/user?user_id=2&timeout=0`)).status === 204;
    });
  });
});

describe('Polls and streams under one token', () => {
  const nodes = useTwoNodes({ AUTH: 'token' });

  it("reach a user's limit without a Node.js warning, and leave no listener behind", async () => {
    const { url } = nodes.active;
    const { body } = await post<{ token: string; user_id: number }>(`${url}/register`, {
      username: 'many polls',
      password: 'correct horse battery',
    });
    const headers = `Host: localhost\r\nAuthorization: Bearer ${body.token}\r\n`;
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open(url)));
    clients.forEach((client, number) => {
      const path = number % 2 === 0 ? '/subscribe/user?user_id=' : '/events?userId=';
      client.send(getText(path + body.user_id, headers));
    });
    await eventually('all wait', async () => (await figureOf(url, WAITERS)) === 20);
    for (const client of clients) client.reset();
    await eventually('no slot is taken', async () => (await figureOf(url, SLOTS)) === 0);
  });
});
