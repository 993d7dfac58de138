import { execFile } from 'node:child_process';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { del, get, post, request } from '../../../support/network/http.ts';
import { waitersOf } from '../../../support/network/metrics.ts';
import { localNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { StreamReader } from './stream-reader.ts';

const CURSOR = /^[0-9a-f]{12}-\d+$/;

/** Some of these tests block this process for seconds. The active node in it must not step down because of that. */
const LONG_LEASE = { LEASE_MS: '6000' };

describe('A stream of server-sent events', () => {
  const nodes = useTwoNodes(LONG_LEASE);
  const client = nodes.sql;
  let readers: StreamReader[] = [];
  afterEach(async () => {
    for (const reader of readers) reader.close();
    readers = [];
  });

  const both = () => [nodes.active.url, nodes.standby.url];
  const on = (path: string) => nodes.active.url + path;
  const send = async (content: string, groupId = 1) => {
    const sent = await post<{ cursor: string; message_id: number }>(on('/messages'), { userId: 1, groupId, content });
    expect(sent.status, sent.text).to.equal(200);
    return sent.body;
  };
  const now = async () => (await get<{ cursor: string }>(on('/messages?groupId=1'))).body.cursor;
  const open = (url: string, more?: ConstructorParameters<typeof StreamReader>[1]) => {
    const reader = new StreamReader(url, more);
    readers.push(reader);
    return reader.untilBegun();
  };

  it('begins at once, with headers against proxy buffering, a retry hint and an id', async () => {
    for (const url of both()) {
      const reader = await open(`${url}/events?userId=1`);
      expect(reader.status).to.equal(200);
      expect(reader.headers).to.include({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      });
      await eventually('the id has come', () => CURSOR.test(reader.lastId));
      expect(reader.retry).to.be.within(500, 1500);
      expect(reader.events).to.deep.equal([]);
    }
  });

  it('carries every kind of event of the log, on both nodes, each with its cursor as id', async () => {
    const cursor = await now();
    const streams = await Promise.all(both().map((url) => open(`${url}/events?userId=1&cursor=${cursor}`)));
    const { message_id: messageId } = await send('with "quotes"\n, a line and é');
    await del(on('/messages'), { messageId });
    const { body: chat } = await post(on('/create-chat'), { groupName: 'Novo', creatorId: 1, members: ['bruno_orm'] });
    await del(on('/group-users'), { groupId: chat.group_id, userId: 2 });
    await post(on('/notify/Novo'), { payload: { n: 1 } });
    await post(on('/notify/all'));
    const { body: page } = await get<{ events: { kind: string; cursor: string }[] }>(
      on(`/subscribe/user?user_id=1&cursor=${cursor}`),
    );
    for (const stream of streams) {
      await eventually('the broadcast has come', () => stream.events.some(({ type }) => type === 'broadcast'));
      // A deleted message may be delivered before its deletion, or not at all.
      const types = stream.events.map(({ type }) => type).filter((type) => type !== 'message');
      expect(types).to.deep.equal(['message_deleted', 'joined', 'joined', 'left', 'notification', 'broadcast']);
      for (const { id, data, type } of stream.events) expect(JSON.parse(data)).to.include({ cursor: id, kind: type });
      const polled = page.events.filter(({ kind }) => kind !== 'message');
      const streamed = stream.events.filter(({ type }) => type !== 'message').map(({ data }) => JSON.parse(data));
      expect(streamed.slice(0, polled.length)).to.deep.equal(polled);
    }
  });

  it('continues from Last-Event-ID on the other node without gap or overlap; the header has precedence over the query', async () => {
    const cursor = await now();
    const first = await open(`${both()[0]}/events?userId=1&cursor=${cursor}`);
    for (const text of ['a', 'b', 'c']) await send(text);
    await eventually('three have come', () => first.texts.length === 3);
    first.close();
    for (const text of ['d', 'e']) await send(text);
    const second = await open(`${both()[1]}/events?userId=1&cursor=${cursor}`, {
      lastEventId: first.events[1]?.id ?? '',
    });
    await eventually('the rest has come', () => second.texts.includes('e'));
    expect(second.texts).to.deep.equal(['c', 'd', 'e']);
  });

  it('follows joins and leaves from their own events on', async () => {
    const cursor = await now();
    const { body: chat } = await post<{ group_id: number }>(on('/create-chat'), { groupName: 'Meu', creatorId: 1 });
    const stream = await open(`${nodes.standby.url}/events?userId=2&cursor=${cursor}`);
    const { group_id: groupId } = chat;
    await send('before', groupId);
    await post(on('/group-users'), { groupId, userId: 2 });
    await send('within', groupId);
    await del(on('/group-users'), { groupId, userId: 2 });
    await send('after', groupId);
    await send('elsewhere');
    await eventually('the last has come', () => stream.texts.includes('elsewhere'));
    expect(stream.texts).to.deep.equal(['within', 'elsewhere']);
  });

  it('is refused with 400, 404 or 410 before it begins', async () => {
    const responses = await Promise.all(
      ['userId=1&cursor=x', 'userId=0', 'userId=99999', `userId=1&cursor=0123456789ab-1`].map((query) =>
        get<{ code: string }>(on(`/events?${query}`)),
      ),
    );
    expect(responses.map(({ status, body }) => `${status} ${body.code}`)).to.deep.equal([
      '400 invalid_request',
      '400 invalid_request',
      '404 user_not_found',
      '410 cursor_expired',
    ]);
    const header = await get<{ code: string }>(on('/events?userId=1'), {
      headers: { 'Last-Event-ID': '0123456789ab-1' },
    });
    expect(header.body.code).to.equal('cursor_expired');
  });

  it('responds to HEAD with its headers only', async () => {
    const { status, headers, text } = await request('HEAD', on('/events?userId=1'));
    expect({ status, text }).to.deep.equal({ status: 200, text: '' });
    expect(headers['content-type']).to.match(/^text\/event-stream/);
  });

  it('catches up over many pages and then continues live', async () => {
    const cursor = await now();
    await client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'page ' || n FROM generate_series(1, 2000) n",
    );
    const stream = await open(`${nodes.standby.url}/events?userId=1&cursor=${cursor}`);
    await eventually('all pages have come', () => stream.texts.length >= 2000, { within: 15_000 });
    await send('live');
    await eventually('the live one has come', () => stream.texts.at(-1) === 'live');
    expect(stream.texts).to.deep.equal([...Array.from({ length: 2000 }, (_, n) => `page ${n + 1}`), 'live']);
  });

  it('buffers at most one response for a client that does not read, and loses nothing when it reads again', async () => {
    const cursor = await now();
    const slow = await open(`${nodes.active.url}/events?userId=1&cursor=${cursor}`, { slow: true });
    const brisk = await open(`${nodes.active.url}/events?userId=1&cursor=${cursor}`);
    const before = process.memoryUsage().rss;
    const large = 'x'.repeat(4000);
    for (let n = 0; n < 6; n++) {
      await client.query(
        `INSERT INTO plantao.messages (group_id, sender_id, content)
         SELECT 1, 1, $1 || n FROM generate_series(1, 500) n`,
        [large],
      );
    }
    await send('the end');
    await eventually('the fast one has it all', () => brisk.texts.includes('the end'), { within: 20_000 });
    expect(slow.texts.includes('the end')).to.equal(false);
    // It has left the waiters, and nothing is buffered for it: 12 MB have passed.
    await eventually('the slow one has left', async () => (await waitersOf(nodes.active.url)) <= 1);
    expect((process.memoryUsage().rss - before) / 2 ** 20).to.be.below(400);
    slow.resume();
    await eventually('the slow one has it all too', () => slow.texts.includes('the end'), { within: 20_000 });
    expect(slow.texts).to.deep.equal(brisk.texts);
    expect(slow.events.map(({ id }) => id)).to.deep.equal(brisk.events.map(({ id }) => id));
  });

  it('is freed when its client leaves', async () => {
    await eventually('no stream waits', async () => (await waitersOf(nodes.active.url)) === 0);
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(on('/events?userId=1'))));
    await eventually('all wait', async () => (await waitersOf(nodes.active.url)) === 20);
    for (const stream of streams) stream.close();
    await eventually('no stream waits', async () => (await waitersOf(nodes.active.url)) === 0);
  });

  it('ends with the event cursor_expired if its cursor expires on the way', async () => {
    const stream = await open(`${nodes.standby.url}/events?userId=1&cursor=${await now()}`);
    await send('seen');
    await eventually('the message arrives', () => stream.texts.includes('seen'));
    // What was received is lost, as after a restore, and the log has grown past it since: a new history begins before it.
    await client.query(`
      BEGIN;
      DELETE FROM plantao.events WHERE position = (SELECT max(position) FROM plantao.events);
      UPDATE plantao.epochs SET history = 'of another server' WHERE number = (SELECT max(number) FROM plantao.epochs);
      SELECT plantao.continue_epoch();
      INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'of the other history' FROM generate_series(1, 5);
      COMMIT`);
    await eventually('the event has come', () => stream.events.some(({ type }) => type === 'cursor_expired'));
    const { data } = stream.events.at(-1) ?? { data: '{}' };
    expect(JSON.parse(data)).to.include({ code: 'cursor_expired', reason: 'history' });
    await eventually('and then it ends', () => stream.isOver);
    const again = await get<{ code: string }>(`${nodes.standby.url}/events?userId=1&cursor=${stream.lastId}`);
    expect(again.status).to.equal(410);
    expect(stream.texts, 'nothing was carried over the gap').to.deep.equal(['seen']);
  });

  it('continues through a new history if it has received no lost event', async () => {
    const stream = await open(`${nodes.standby.url}/events?userId=1&cursor=${await now()}`);
    await client.query(`
      UPDATE plantao.epochs SET history = 'of yet another server' WHERE number = (SELECT max(number) FROM plantao.epochs);
      SELECT plantao.continue_epoch()`);
    await send('in the new one');
    await eventually('the message arrives', () => stream.texts.includes('in the new one'));
    expect(stream.isOver).to.equal(false);
  });

  it('can be read by curl -N', async () => {
    const cursor = await now();
    const url = on(`/events?userId=1&cursor=${cursor}`);
    const curl = execFile('curl', ['-sN', '--max-time', '20', url]);
    let text = '';
    curl.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    try {
      await eventually('it waits', () => text.includes('id: '), { within: 10_000 });
      await send('for curl');
      await eventually('the event is printed', () => text.includes('"content":"for curl"'));
      expect(text).to.match(/\n\nid: [0-9a-f]{12}-\d+\nevent: message\ndata: \{.*\}\n\n$/);
    } finally {
      curl.kill();
    }
  });

  it('ends with a retry hint when the node stops or falls, and delays neither', async () => {
    const env = { DATABASE_URL: nodes.database.url, PORT: '0', IS_ACTIVE: 'false', DB_POOL_SIZE: '4' };
    const node = localNode({ ...env, NODE_NAME: 'node-c' });
    await node.start();
    const open50 = () => Promise.all(Array.from({ length: 50 }, () => open(`${node.url}/events?userId=1`)));
    try {
      const fallen = await open50();
      await post(`${node.url}/fall`);
      for (const stream of fallen) await eventually('it ends', () => stream.isOver);
      expect(fallen.every(({ comments }) => comments.includes('this node has fallen'))).to.equal(true);
      const refused = await get(`${node.url}/events?userId=1`);
      expect(refused.text).to.match(/event: unavailable\ndata: \{.*"code":"not_alive"/);
      await post(`${node.url}/revive`);
      const stopped = await open50();
      const startedAt = performance.now();
      await node.stop();
      expect(performance.now() - startedAt).to.be.below(2900);
      for (const stream of stopped) await eventually('it ends', () => stream.isOver);
      expect(stopped.every(({ comments }) => comments.includes('the node is stopping'))).to.equal(true);
      expect(stopped.every(({ retry }) => retry !== null && retry > 0)).to.equal(true);
    } finally {
      await node.stop();
    }
  });
});

describe('Streams and polls of one node', () => {
  const nodes = useTwoNodes({ MAX_WAITERS: '5' });

  it('share its slots: one too many is refused with Retry-After on every route, and accepted after one has left', async () => {
    const { url } = nodes.standby;
    const readers = await Promise.all(
      Array.from({ length: 3 }, () => new StreamReader(`${url}/events?userId=1`).untilBegun()),
    );
    const leaving = new AbortController();
    const polls = Array.from({ length: 2 }, () =>
      get(`${url}/subscribe/status?group=x`, { signal: leaving.signal, deadline: 60_000 }).catch(() => null),
    );
    const attempt = (path: string) => get<{ code: string }>(`${url}${path}`);
    await eventually('all five wait', async () => (await waitersOf(url)) === 5);
    await eventually(
      'all slots are taken',
      async () => (await attempt('/subscribe/status?group=y&timeout=0')).status === 503,
    );
    // An EventSource connects again only after a response with status 200.
    const { status: streamed, text } = await attempt('/events?userId=1');
    expect([streamed, /^event: unavailable\ndata: .*"code":"overloaded"/m.test(text)]).to.deep.equal([200, true]);
    for (const path of ['/subscribe/user?user_id=1', '/subscribe/status']) {
      const { status, body, headers } = await attempt(path);
      expect({ status, code: body.code }).to.deep.equal({ status: 503, code: 'overloaded' });
      expect(Number(headers['retry-after'])).to.be.within(1, 4);
    }
    expect((await get(`${nodes.active.url}/subscribe/status?group=y&timeout=0`)).status, 'the other has room').to.equal(
      204,
    );
    readers[0]?.close();
    await eventually(
      'a slot is free',
      async () => (await attempt('/subscribe/status?group=y&timeout=0')).status === 204,
    );
    for (const reader of readers) reader.close();
    leaving.abort();
    await Promise.all(polls);
  });
});

describe('A stream with AUTH=token', () => {
  const nodes = useTwoNodes({ AUTH: 'token', ADMIN_TOKEN: 'a-secret-of-the-administrator' });

  it("accepts the token in the header, or in the query as a browser sends it, for the token's own user only", async () => {
    const { url } = nodes.active;
    const { body } = await post<{ user_id: number; token: string }>(`${url}/register`, {
      username: 'carla',
      password: 'a long password',
    });
    const { user_id: userId, token } = body;
    const headers = { Authorization: `Bearer ${token}` };
    const stream = `${nodes.standby.url}/events?userId=${userId}`;
    expect((await request('HEAD', stream, { headers })).status).to.equal(200);
    expect((await request('HEAD', `${stream}&access_token=${token}`)).status).to.equal(200);
    const statuses = await Promise.all(
      [
        stream,
        `${stream}&access_token=x`,
        `${stream}&access_token=${token}&access_token=${token}`,
        `${nodes.standby.url}/events?userId=1&access_token=${token}`,
        `${nodes.standby.url}/subscribe/user?user_id=${userId}&timeout=0&access_token=${token}`,
        `${nodes.standby.url}/chats?userId=${userId}&access_token=${token}`,
      ].map(async (address) => (await get(address)).status),
    );
    expect(statuses).to.deep.equal([401, 401, 401, 403, 401, 401]);
    const reader = await new StreamReader(`${stream}&access_token=${token}`).untilBegun();
    await post(`${url}/create-chat`, { groupName: 'De Carla', creatorId: userId }, { headers });
    await eventually('the message arrives', () => reader.events.some(({ type }) => type === 'joined'));
    reader.close();
  });
});
