import http from 'node:http';
import { expect } from 'chai';
import pg from 'pg';
import { GroupOrNameAudience } from '../../../../src/chat/delivery/audiences.ts';
import { groupNames } from '../../../../src/chat/delivery/membership-cache.ts';
import { CursorExpiredError, parseCursor } from '../../../../src/events/cursor.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { waitersOf } from '../../../support/network/metrics.ts';
import { localNode, useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { DirectPoll, LogNode } from '../delivery-node.ts';

describe('A herd of polls', function () {
  this.timeout(120_000);
  const { database, sql: client } = useDatabase();
  let node: LogNode;
  const HERD = 500;

  before(async () => {
    await seedData(database.url);
    await client.query("INSERT INTO plantao.users (username) SELECT 'herd ' || n FROM generate_series(1, $1::int) n", [
      HERD,
    ]);
    await client.query(
      "INSERT INTO plantao.memberships (group_id, user_id) SELECT 1, id FROM plantao.users WHERE username LIKE 'herd %'",
    );
  });
  beforeEach(async () => {
    node = await LogNode.start({ url: database.url });
  });
  afterEach(async () => {
    await node.stop();
  });

  const asked = () =>
    Object.fromEntries(
      [...node.logSession.asked, ...node.catchUpSession.asked].filter(
        ([name]) => name === 'memberships' || name === 'catch_up',
      ),
    );
  const herdFrom = async (cursor: string | null, count = HERD) => {
    const { rows } = await client.query<{ id: string }>(
      "SELECT id FROM plantao.users WHERE username LIKE 'herd %' ORDER BY id LIMIT $1",
      [count],
    );
    return Promise.all(rows.map(({ id }) => node.pollUser(Number(id), cursor)));
  };

  it('that moves to another node costs a query or two, however many users it has', async () => {
    const polls = await herdFrom(node.log.known.cursorAt(node.log.known.head));
    expect(polls.every(({ delivery }) => delivery === null)).to.equal(true);
    expect(node.waiters.size).to.equal(HERD);
    expect(asked()).to.deep.equal({ memberships: 1 });
  });

  it('that missed events is served from memory', async () => {
    const from = node.log.known.cursorAt(node.log.known.head);
    await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'missed')");
    await node.log.hint();
    const polls = await herdFrom(from);
    expect(polls.every(({ delivery }) => delivery?.events.length === 1)).to.equal(true);
    expect(asked()).to.deep.equal({ memberships: 1 });
  });

  it('that returns to a restarted node is served from memory too', async () => {
    const from = node.log.known.cursorAt(node.log.known.head);
    await client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'while it was away')",
    );
    await node.stop();
    node = await LogNode.start({ url: database.url });
    const polls = await herdFrom(from);
    expect(polls.every(({ delivery }) => delivery?.events.length === 1)).to.equal(true);
    expect(asked()).to.deep.equal({ memberships: 1 });
  });

  it('with a cursor ahead of the node shares one read of the log', async () => {
    // Their memberships are known: loading those would bring the node up to date by itself.
    await herdFrom(node.log.known.cursorAt(node.log.known.head));
    await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'not read yet')");
    const { rows } = await client.query<{ cursor: string }>(
      "SELECT epoch || '-' || head AS cursor FROM plantao.log_bounds",
    );
    const before = node.logSession.asked.get('log_page') ?? 0;
    const polls = await herdFrom(rows[0]?.cursor ?? '');
    expect(polls.every(({ delivery }) => delivery === null)).to.equal(true);
    expect((node.logSession.asked.get('log_page') ?? 0) - before).to.be.below(5);
  });

  /** Extends the log until its beginning is in no node's memory, and lets the node read it. */
  const outgrowMemory = async () => {
    const from = node.log.known.cursorAt(node.log.known.tail.start);
    await client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'n' FROM generate_series(1, 25000)",
    );
    const { head } = node.log.known;
    while (node.log.known.head < head + 25_000) await node.log.read();
    return from;
  };

  it('that is far behind shares the reads of the database with others of its user', async () => {
    const from = await outgrowMemory();
    const polls = await Promise.all(Array.from({ length: HERD }, () => node.pollUser(1, from)));
    expect(new Set(polls.map(({ delivery }) => delivery?.cursor)).size).to.equal(1);
    expect(polls[0]?.delivery?.events.length).to.be.within(1, 500);
    expect(asked().catch_up).to.equal(1);
  });

  it('of many users far behind does not delay polls for new events', async () => {
    const from = await outgrowMemory();
    const { poll } = await node.pollUser(1, null);
    let isRead = false;
    const catchingUp = herdFrom(from, 40).then((polls) => {
      isRead = true;
      return polls;
    });
    await eventually('the database is being read', () => (asked().catch_up ?? 0) > 0);
    await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'new')");
    await node.log.hint();
    const { events } = await poll.delivered;
    expect(events.at(-1)?.message).to.include('"new"');
    expect(isRead, 'and they are still being read for').to.equal(false);
    expect((await catchingUp).every(({ delivery }) => (delivery?.events.length ?? 0) > 0)).to.equal(true);
  });

  it('on a name is not slowed by other groups of that name', async () => {
    const { rows } = await client.query<{ mine: number }>(
      `WITH mine AS (INSERT INTO plantao.groups (name) VALUES ('común') RETURNING id),
            member AS (INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 1 FROM mine)
       SELECT id AS mine FROM mine`,
    );
    const from = await node.log.read().then(() => node.log.known.cursorAt(node.log.known.head));
    await client.query(
      `WITH theirs AS (INSERT INTO plantao.groups (name) SELECT 'común' FROM generate_series(1, 3) RETURNING id)
       INSERT INTO plantao.messages (group_id, sender_id, content) SELECT id, 1, 'n' FROM theirs, generate_series(1, 600)`,
    );
    await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, 1, 'mine')", [
      rows[0]?.mine,
    ]);
    await outgrowMemory();
    const poll = new DirectPoll(new GroupOrNameAudience('común', await node.memberships.of(1)), node.waiters);
    const delivery = await node.subscriptions.subscribe(poll, parseCursor(from));
    expect(delivery?.events).to.have.length(1);
    expect(delivery?.events[0]?.message).to.include('"mine"');
    expect(asked().catch_up).to.equal(1);
  });

  it('is refused for a user with too many membership changes, and for no other user', async () => {
    const from = node.log.known.cursorAt(node.log.known.head);
    await client.query(
      `INSERT INTO plantao.events (position, kind, group_id, user_id)
       SELECT plantao.lock_log() + n, CASE n % 2 WHEN 0 THEN 'joined' ELSE 'left' END, 1, 2 FROM generate_series(1, 20001) n`,
    );
    await outgrowMemory();
    const refusal = await node.pollUser(2, from).catch((error) => error);
    expect(refusal).to.be.instanceOf(CursorExpiredError);
    expect(refusal.reason).to.equal('too_far');
    expect((await node.pollUser(1, from)).delivery?.events).to.have.length(500);
  });

  it('takes no slot for a client that leaves during the read', async () => {
    const from = await outgrowMemory();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    node.catchUpSession.before = () => held;
    // There is no event for it, so it would be registered as a waiter.
    const poll = new DirectPoll(new GroupOrNameAudience('a silent place', null), node.waiters);
    const listening = node.subscriptions.subscribe(poll, parseCursor(from));
    await eventually('the database is being read', () => (asked().catch_up ?? 0) > 0);
    poll.leave();
    release();
    await listening;
    expect(node.waiters.size).to.equal(0);
  });

  it("has its memberships at the node's position, even if they change while they are loaded", async () => {
    await node.stop();
    for (const maxInMemory of [1000, 2]) {
      node = await LogNode.start({ url: database.url, maxInMemory });
      const name = `joined while loading ${maxInMemory}`;
      let isFirst = true;
      node.logSession.after = async (statement) => {
        if (statement !== 'memberships' || !isFirst) return;
        isFirst = false;
        await client.query(
          `WITH g AS (INSERT INTO plantao.groups (name) VALUES ($1) RETURNING id)
           INSERT INTO plantao.memberships (group_id, user_id) SELECT id, 2 FROM g`,
          [name],
        );
        // With a short memory the change is dropped before it can be applied, so the memberships are read again.
        await client.query(
          "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'n' FROM generate_series(1, 10)",
        );
        await node.log.read();
      };
      expect(groupNames(await node.memberships.of(2))).to.include(name);
      expect(asked().memberships).to.equal(maxInMemory === 2 ? 2 : 1);
      if (maxInMemory !== 2) await node.stop();
    }
  });

  it('loads memberships once for overlapping requests, and keeps them up to date for all of them', async () => {
    let release = () => {};
    node.logSession.before = (name) =>
      name === 'memberships'
        ? new Promise((resolve) => {
            release = resolve;
          })
        : Promise.resolve();
    const first = node.memberships.of(2);
    await eventually('the first is being read', () => (asked().memberships ?? 0) === 1);
    // Requested again during the first read.
    const second = node.memberships.of(2);
    release();
    const one = await first;
    await eventually('the second is being read, or was not needed', () => (asked().memberships ?? 0) === 2);
    release();
    const two = await second;
    expect(two).to.equal(one);
    expect(node.cache.isLive(one)).to.equal(true);
  });
});

describe('Polls over HTTP', () => {
  const nodes = useTwoNodes({ LEASE_MS: '6000' });

  it('free their slots and memory when they are abandoned', async function () {
    this.timeout(120_000);
    const { url } = nodes.standby;
    const agent = new http.Agent({ keepAlive: false });
    const abandon = async (count: number) => {
      const requests = Array.from({ length: count }, () => {
        const request = http.get(`${url}/subscribe/user?user_id=1&timeout=55`, { agent });
        request.on('error', () => undefined);
        return request;
      });
      await eventually('they wait', async () => (await waitersOf(url)) >= count, { within: 30_000 });
      for (const request of requests) request.destroy();
      await eventually('they have left', async () => (await waitersOf(url)) === 0, { within: 30_000 });
    };
    const liveMb = () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    // Mocha's process has no --expose-gc, but the flag can be set at run time.
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    globalThis.gc ??= runInNewContext('gc');
    await abandon(200);
    const before = liveMb();
    for (let round = 0; round < 5; round++) await abandon(200);
    agent.destroy();
    // A waiter takes about 20 KB: a leak of a thousand would be 20 MB.
    await eventually('their memory is free', () => liveMb() - before < 5);
  });

  it('end at random times before their time-out, never after it', async () => {
    const responses = await Promise.all(
      Array.from({ length: 30 }, () => get(`${nodes.standby.url}/subscribe/status?group=jitter&timeout=1`)),
    );
    expect(responses.every(({ status }) => status === 204)).to.equal(true);
    const times = responses.map(({ ms }) => ms);
    expect(Math.min(...times)).to.be.at.least(880);
    expect(Math.max(...times) - Math.min(...times)).to.be.greaterThan(20);
  });

  it('end at once with their cursor when their node stops, and do not delay its exit', async () => {
    const node = localNode({
      DATABASE_URL: nodes.database.url,
      PORT: '0',
      NODE_NAME: 'node-c',
      IS_ACTIVE: 'false',
      DB_POOL_SIZE: '4',
    });
    await node.start();
    const agent = new http.Agent({ keepAlive: true });
    const polls = Array.from(
      { length: 100 },
      () =>
        new Promise<{ status: number; cursor: string }>((resolve, reject) => {
          http
            .get(`${node.url}/subscribe/user?user_id=1`, { agent }, (response) => {
              let text = '';
              response.setEncoding('utf8').on('data', (chunk) => {
                text += chunk;
              });
              response.on('end', () => resolve({ status: response.statusCode ?? 0, ...JSON.parse(text) }));
            })
            .on('error', reject);
        }),
    );
    await eventually('all wait', async () => (await waitersOf(node.url)) === 100, { within: 20_000 });
    const startedAt = performance.now();
    await node.stop();
    const took = performance.now() - startedAt;
    for (const { status, cursor } of await Promise.all(polls)) {
      expect(status).to.equal(200);
      // The other node continues from there.
      const next = await get(`${nodes.active.url}/subscribe/user?user_id=1&timeout=0&cursor=${cursor}`);
      expect(next.status).to.equal(204);
    }
    agent.destroy();
    expect(took, 'the connections were not waited for').to.be.below(2900);
  });

  it('read ten thousand missed events in pages, each once, without delaying others', async function () {
    this.timeout(60_000);
    const { body: page } = await get<{ cursor: string }>(`${nodes.standby.url}/messages?groupId=1`);
    const client = new pg.Client({ connectionString: nodes.database.url });
    await client.connect();
    await client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'n ' || n FROM generate_series(1, 10000) n",
    );
    await client.end();
    const texts: string[] = [];
    let cursor = page.cursor;
    let largest = 0;
    while (texts.length < 10_000) {
      const { body, text } = await get<{ cursor: string; events: { message: { content: string } }[] }>(
        `${nodes.standby.url}/subscribe/user?user_id=1&cursor=${cursor}`,
      );
      texts.push(...body.events.map(({ message }) => message.content));
      largest = Math.max(largest, text.length);
      cursor = body.cursor;
      if (texts.length % 2500 === 0) {
        const { status } = await get(`${nodes.standby.url}/subscribe/status?group=other&timeout=0`, { deadline: 3000 });
        expect(status).to.equal(204);
      }
    }
    expect(texts).to.deep.equal(Array.from({ length: 10_000 }, (_, n) => `n ${n + 1}`));
    expect(largest).to.be.below(1024 * 1024);
  });

  it('return the new role when it changes while they wait', async () => {
    const polls = [nodes.active, nodes.standby].map(({ url }) =>
      get<{ active: boolean; events: unknown[] }>(`${url}/subscribe/status?group=duty`, { deadline: 20_000 }),
    );
    await eventually(
      'both wait',
      async () => (await waitersOf(nodes.active.url)) + (await waitersOf(nodes.standby.url)) === 2,
    );
    await post(`${nodes.active.url}/switchover`, {});
    const responses = await Promise.all(polls);
    expect(responses.map(({ body }) => body.events)).to.deep.equal([[], []]);
    expect(responses.map(({ body }) => body.active)).to.deep.equal([false, true]);
  });
});
