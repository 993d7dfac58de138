import { expect } from 'chai';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { startTcpProxy, type TcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { type LocalNode, localNode, startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';
import { LogNode, type LogNodeOptions } from './delivery-node.ts';

/** The timed read runs about once a second; the rest is for a busy machine. */
const BY_TIMED_READ_MS = 3000;
/** A delivery within this time was caused by its hint: the timed read alone takes half a second on average. */
const BY_THE_HINT_MS = 400;

describe('A notification is a hint, the table is the truth', () => {
  const { database, sql: client } = useDatabase();
  let node: LogNode | null = null;
  let proxy: TcpProxy | null = null;

  before(async () => {
    await seedData(database.url);
  });
  afterEach(async () => {
    await node?.stop();
    await proxy?.close();
    [node, proxy] = [null, null];
  });

  const start = async (options: Partial<LogNodeOptions> = {}) => {
    node = await LogNode.start({ url: database.url, ...options });
    return node;
  };
  const startBehindProxy = async () => {
    const { port, hostname } = new URL(database.url);
    proxy = await startTcpProxy({ port: Number(port), host: hostname });
    return { proxy, node: await start({ listenUrl: proxy.via(database.url) }) };
  };
  const texts = ({ events }: LogNode) => events.map(({ message }) => (message ? JSON.parse(message).content : null));
  /** Inserts a message and returns after how many milliseconds the node has read it. */
  const delivery = async (to: LogNode, content: string): Promise<number> => {
    const had = to.events.length;
    await client.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, $1)', [content]);
    const insertedAt = performance.now();
    await eventually(`"${content}" is read`, () => texts(to).slice(had).includes(content), { every: 2 });
    return (to.at.at(-1) ?? 0) - insertedAt;
  };
  /** Returns the shortest of some deliveries, since one may be delayed by a busy machine. */
  const quickest = async (to: LogNode, content: string): Promise<number> => {
    const times: number[] = [];
    for (let n = 0; n < 5; n++) times.push(await delivery(to, `${content} ${n}`));
    return Math.min(...times);
  };

  it('delivers an event at once with hints', async () => {
    const one = await start({ listenUrl: database.url });
    expect(await quickest(one, 'hinted')).to.be.below(BY_THE_HINT_MS);
    expect(one.missedNotifications).to.equal(0);
  });

  it('delivers it by the next timed read without hints', async () => {
    const one = await start();
    for (const content of ['a', 'b', 'c']) expect(await delivery(one, content)).to.be.below(BY_TIMED_READ_MS);
    expect(texts(one)).to.deep.equal(['a', 'b', 'c']);
  });

  it('delivers each event once and in order with duplicated, late, malformed and premature hints', async () => {
    const hints = { heard: 0, givenLate: 0 };
    const one = await start({
      listenUrl: database.url,
      onHint(payload, give) {
        hints.heard++;
        give(payload);
        give(payload);
        give('nonsense');
        give(null);
        give(Number(payload) + 1000);
        setTimeout(() => {
          give(payload);
          hints.givenLate++;
        }, 30);
      },
    });
    for (let n = 0; n < 20; n++) await delivery(one, `told ${n}`);
    await eventually('the late hints were given', () => hints.givenLate === hints.heard);
    expect(texts(one)).to.deep.equal(Array.from({ length: 20 }, (_, n) => `told ${n}`));
  });

  it('delivers each event once and in order, by the timed read at the latest, if every second hint is lost', async () => {
    let count = 0;
    const one = await start({ listenUrl: database.url, onHint: (payload, give) => count++ % 2 === 0 && give(payload) });
    for (let n = 0; n < 6; n++) expect(await delivery(one, `half ${n}`)).to.be.below(BY_TIMED_READ_MS);
    expect(texts(one)).to.deep.equal(Array.from({ length: 6 }, (_, n) => `half ${n}`));
  });

  it('reads a few times for many simultaneous hints, not once for each', async () => {
    const one = await start({ listenUrl: database.url });
    const before = one.logSession.asked.get('log_page') ?? 0;
    for (let n = 0; n < 1000; n++) one.log.hint(one.log.known.head + 1);
    await one.log.read();
    expect((one.logSession.asked.get('log_page') ?? 0) - before).to.be.below(5);
  });

  it('detects a connection that drops notifications, replaces it, and delivers quickly again', async () => {
    const { proxy, node: one } = await startBehindProxy();
    expect(await quickest(one, 'before')).to.be.below(BY_THE_HINT_MS);
    proxy.swallow('down');
    expect(await delivery(one, 'unheard')).to.be.below(BY_TIMED_READ_MS);
    await eventually('the missed notification is detected', () => one.missedNotifications > 0, {
      within: BY_TIMED_READ_MS,
    });
    proxy.heal();
    await eventually('it listens again', () => one.isListening, { within: 10_000 });
    await eventually('hints come again', async () => (await delivery(one, 'after')) < BY_THE_HINT_MS, {
      within: 15_000,
    });
  });

  it('detects a live session that has lost its LISTEN', async () => {
    const one = await start({ listenUrl: database.url, onHint: () => undefined });
    // A hint of a position that never comes (any role may NOTIFY) must not hide misses.
    one.log.hint(one.log.known.head + 1_000_000);
    await one.log.read();
    expect(await delivery(one, 'unheard')).to.be.below(BY_TIMED_READ_MS);
    await eventually('the missed notification is detected', () => one.missedNotifications > 0, {
      within: BY_TIMED_READ_MS,
    });
  });

  it('does not report a miss while hints arrive, however late after the read that ran ahead of them', async () => {
    let given = 0;
    const one = await start({
      listenUrl: database.url,
      onHint(payload, give) {
        setTimeout(() => {
          give(payload);
          given++;
        }, 200);
      },
    });
    for (let n = 0; n < 10; n++) {
      await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'late')");
      await one.log.hint();
      await eventually('its hint arrives', () => given > n);
    }
    expect(one.missedNotifications).to.equal(0);
  });

  it('delivers each event once and in order while its sessions are terminated repeatedly', async () => {
    const one = await start({ listenUrl: database.url });
    const first = one.log.known.head;
    const endSessions = async () => {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name LIKE 'plantao:log-node:%' AND datname = current_database()`,
      );
      return rowCount;
    };
    for (let n = 0; n < 100; n++) {
      await client.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'x')");
      if (n % 10 === 0) await eventually('its sessions are back, and are terminated', endSessions);
    }
    await eventually('all are read', () => one.events.length >= 100, { within: 10_000 });
    expect(one.events.map(({ position }) => position)).to.deep.equal(
      Array.from({ length: 100 }, (_, n) => first + 1 + n),
    );
  });
});

describe('A node whose LISTEN connection is cut', () => {
  let database: TestDatabase;
  let nodes: TwoNodes;
  let cutOff: LocalNode;
  let proxy: TcpProxy;

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
    nodes = await startTwoNodes(database.url);
    const { port, hostname } = new URL(database.url);
    proxy = await startTcpProxy({ port: Number(port), host: hostname });
    cutOff = localNode({
      DATABASE_URL: database.url,
      DATABASE_DIRECT_URL: proxy.via(database.url),
      PORT: '0',
      NODE_NAME: 'node-c',
      IS_ACTIVE: 'false',
      DB_POOL_SIZE: '4',
    });
    await cutOff.start();
  });
  after(async () => {
    proxy?.heal();
    await cutOff?.stop();
    await nodes?.stop();
    await proxy?.close();
    await database?.drop();
  });

  it('still serves its polls within seconds, and logs that it listens again', async () => {
    proxy.swallow('down', { applicationName: ':listen' });
    const { body: page } = await get<{ cursor: string }>(`${nodes.active.url}/messages?groupId=1`);
    const poll = get<{ events: { message: { content: string } }[] }>(
      `${cutOff.url}/subscribe/user?user_id=1&cursor=${page.cursor}`,
      { deadline: 20_000 },
    );
    await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'through the watch' });
    const { body, ms } = await poll;
    expect(body.events[0]?.message.content).to.equal('through the watch');
    expect(ms).to.be.below(6000);
    await eventually('it logs it', () => cutOff.entries.some(({ event }) => event === 'listener_replaced'));
    proxy.heal();
    await eventually('it is ready again', async () => (await get(`${cutOff.url}/readiness`)).status === 200, {
      within: 15_000,
    });
  });
});
