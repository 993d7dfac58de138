import { expect } from 'chai';
import { GroupOrNameAudience } from '../../../src/chat/delivery/audiences.ts';
import { groupNames } from '../../../src/chat/delivery/membership-cache.ts';
import { eventually } from '../../support/eventually.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';
import { LogNode } from './delivery-node.ts';

/** The statement of a fast-forward is the only one without a name. */
const SPAN = '';

describe('A node that is far behind the log', () => {
  const { database, sql: client } = useDatabase();
  let node: LogNode;
  const BULK = 1;
  const SMALL = 2;

  before(async () => {
    await client.query(`
      INSERT INTO plantao.users (username) SELECT 'u' || n FROM generate_series(1, 3) n;
      INSERT INTO plantao.groups (name) VALUES ('bulk'), ('small')`);
  });
  beforeEach(async () => {
    await client.query('DELETE FROM plantao.memberships');
    node = await LogNode.start({ url: database.url, sizes: { page: 10, span: 100, ahead: 20 } });
  });
  afterEach(async () => {
    await node?.stop();
  });

  const post = (groupId: number, count = 1) =>
    client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, 1, 'n' FROM generate_series(1, $2::int)",
      [groupId, count],
    );
  const join = (groupId: number, userId: number) =>
    client.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)', [groupId, userId]);
  const spans = () => node.logSession.asked.get(SPAN) ?? 0;
  /** Runs `work` while the first statement of a fast-forward is held back, then releases it. */
  const duringFastForward = async (work: () => Promise<void>) => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    node.logSession.before = (name) => (name === SPAN ? held : Promise.resolve());
    const before = spans();
    const reading = node.log.read();
    await eventually('a fast-forward is under way', () => spans() > before);
    await work();
    release();
    await reading;
  };

  it('reads only what its waiters wait for, and delivers that once and in order', async () => {
    const { poll } = await node.poll(new GroupOrNameAudience(SMALL, null), null);
    const from = node.log.known.head;
    await post(BULK, 130);
    await post(SMALL, 2);
    await post(BULK, 130);
    await client.query("SELECT plantao.notify_group('all')");
    await node.log.read();
    expect(node.log.known.head).to.equal(from + 263);
    expect(spans()).to.equal(3);
    const heard = node.events.filter(({ position }) => position > from + 10).map(({ position }) => position - from);
    expect(heard).to.include.members([131, 132, 263]).and.have.length.below(20);
    const { events, cursor } = await poll.delivered;
    expect(events.map(({ position }) => position - from)).to.deep.equal([131, 132]);
    expect(cursor).to.equal(node.log.known.cursorAt(from + 210));
    const { delivery } = await node.poll(new GroupOrNameAudience(SMALL, null), cursor);
    expect(delivery?.events.map(({ kind }) => kind)).to.deep.equal(['broadcast']);
  });

  it('hands out a page in parts where many wait, each with its own cursor, and loses nothing', async () => {
    const busy = await LogNode.start({
      url: database.url,
      sizes: { page: 100, span: 100, ahead: 20 },
      comparisons: ({ position }) => (position % 3 === 0 ? 1_000_000 : 70_000),
    });
    try {
      let cursor: string | null = null;
      for (const count of [7, 60]) {
        const from = busy.log.known.head;
        const first = await busy.poll(new GroupOrNameAudience('small', null), cursor);
        await post(SMALL, count);
        await busy.log.read();
        const heard: number[] = [];
        for (let delivery = await first.poll.delivered; ; ) {
          heard.push(...delivery.events.map(({ position }) => position - from));
          cursor = delivery.cursor;
          if (heard.length >= count) break;
          const next = await busy.poll(new GroupOrNameAudience('small', null), cursor);
          delivery = next.delivery ?? (await next.poll.delivered);
        }
        expect(heard).to.deep.equal(Array.from({ length: count }, (_, index) => index + 1));
        expect((await first.poll.delivered).events.length).to.be.below(3);
      }
    } finally {
      await busy.stop();
    }
  });

  it('delivers by the name of a group, and to its topic', async () => {
    const { poll } = await node.poll(new GroupOrNameAudience('small', null), null);
    await post(BULK, 60);
    await post(SMALL);
    await node.log.read();
    expect((await poll.delivered).events.map(({ kind }) => kind)).to.deep.equal(['message']);
    const topic = await node.poll(new GroupOrNameAudience('a topic', null), null);
    await post(BULK, 60);
    await client.query("SELECT plantao.notify_group('a topic')");
    await node.log.read();
    expect((await topic.poll.delivered).events.map(({ kind }) => kind)).to.deep.equal(['notification']);
    expect(spans()).to.equal(2);
  });

  it('delivers to a user who joins meanwhile only the events after the join', async () => {
    const { poll } = await node.pollUser(2, null);
    await post(BULK, 40);
    await post(SMALL, 2);
    await join(SMALL, 2);
    await post(SMALL, 2);
    await post(BULK, 40);
    await node.log.read();
    expect(spans()).to.be.above(0);
    expect((await poll.delivered).events.map(({ kind }) => kind)).to.deep.equal(['joined', 'message', 'message']);
  });

  it('keeps cached memberships without a waiter up to date', async () => {
    const memberships = await node.memberships.of(3);
    await post(BULK, 40);
    await join(SMALL, 3);
    await post(BULK, 40);
    await node.log.read();
    expect(spans()).to.be.above(0);
    expect(groupNames(memberships)).to.deep.equal(['small']);
  });

  it('misses nothing for a poll that arrives during a fast-forward', async () => {
    await post(BULK, 40);
    await post(SMALL, 2);
    let polling: ReturnType<LogNode['poll']> | null = null;
    await duringFastForward(async () => {
      polling = node.poll(new GroupOrNameAudience(SMALL, null), null);
      await client.query('SELECT 1');
    });
    const delivery = await (polling as unknown as ReturnType<LogNode['poll']>).then(
      async ({ poll, delivery }) => delivery ?? poll.delivered,
    );
    expect(delivery.events.map(({ kind }) => kind)).to.deep.equal(['message', 'message']);
  });

  it('misses no membership change of a user who is loaded during a fast-forward', async () => {
    // The snapshot of the memberships is older than the change, and the result arrives during the fast-forward.
    let arrived = () => {};
    const responded = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    node.logSession.after = (name) => {
      if (name !== 'memberships') return Promise.resolve();
      arrived();
      return held;
    };
    const memberships = node.memberships.of(2);
    await responded;
    node.logSession.after = null;
    await post(BULK, 40);
    await join(SMALL, 2);
    await post(BULK, 40);
    await duringFastForward(async () => {
      release();
      await client.query('SELECT 1');
    });
    expect(groupNames(await memberships)).to.deep.equal(['small']);
  });

  it('narrows a span down to the event that cannot be read, and continues after it', async () => {
    const { poll } = await node.poll(new GroupOrNameAudience(SMALL, null), null);
    const bad = node.log.known.head + 33;
    await post(BULK, 32);
    await post(SMALL);
    await post(BULK, 30);
    await post(SMALL);
    const { query } = node.logSession;
    node.logSession.query = async function (statement, limitMs) {
      const [from, , span] = (statement.values ?? []) as number[];
      const isHit = statement.name === undefined && Number(from) < bad && bad <= Number(from) + Number(span);
      const isPage = statement.name?.startsWith('log_page_') && Number(from) < bad && bad <= Number(from) + 10;
      if (isHit || isPage) throw Object.assign(new Error('missing chunk number 0'), { code: 'XX001' });
      return query.call(this, statement, limitMs) as never;
    };
    await node.log.read();
    expect(node.log.known.head).to.equal(bad + 31);
    expect((await poll.delivered).events.map(({ position }) => position)).to.deep.equal([bad + 31]);
  });

  it('starts again if retention has passed it', async () => {
    await node.poll(new GroupOrNameAudience(SMALL, null), null);
    await post(BULK, 60);
    const end = node.log.known.head + 60;
    await duringFastForward(async () => {
      await client.query(
        `WITH gone AS (DELETE FROM plantao.events WHERE position <= $1)
         UPDATE plantao.event_log SET floor = greatest(floor, $1)`,
        [end - 5],
      );
    });
    expect(node.log.known.head).to.equal(end);
    expect(node.dismissals).to.have.length(1);
    await node.log.whenSettled(() => null);
  });

  it('continues after a failure, and delays no poll meanwhile', async () => {
    const { poll } = await node.poll(new GroupOrNameAudience(SMALL, null), null);
    await post(BULK, 60);
    await post(SMALL);
    node.logSession.before = (name) =>
      name === SPAN ? Promise.reject(Object.assign(new Error('no'), { code: '53300' })) : Promise.resolve();
    await node.log.read().catch(() => {});
    await node.log.whenSettled(() => null);
    expect(node.log.isReading).to.equal(false);
    await node.poll(new GroupOrNameAudience('other', null), node.log.known.cursorAt(node.log.known.head));
    node.logSession.before = null;
    await node.log.read();
    expect((await poll.delivered).events).to.have.length(1);
  });
});
