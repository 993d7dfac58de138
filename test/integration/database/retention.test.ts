import { expect } from 'chai';
import pg from 'pg';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { openSequelize } from '../../../src/database/pool/sequelize.ts';
import { CursorExpiredError } from '../../../src/events/cursor.ts';
import { Retention, type RetentionOptions } from '../../../src/events/retention.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';
import { LogNode } from '../delivery/delivery-node.ts';

interface Status {
  first_position: number;
  head: number;
  events: number;
  removed: number;
  payload_bytes: number;
  swept_at: Date | null;
}

describe('Retention', () => {
  const { database, sql: client } = useDatabase();
  let sequelize: Sequelize;
  let term = 0;

  before(async () => {
    await seedData(database.url);
    sequelize = openSequelize(database.url, 'retention-test', 2);
    await sequelize.authenticate();
  });
  after(async () => {
    await sequelize?.close();
  });
  /** Each test has its own open term, and a log of 100 new events. */
  beforeEach(async () => {
    await client.query('UPDATE plantao.leader_terms SET ended_at = now() WHERE ended_at IS NULL');
    term += 1;
    await client.query(
      "INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES ($1, 'x', 'x', 1, 'test')",
      [term],
    );
    await client.query(`
      BEGIN;
      UPDATE plantao.event_log SET floor = plantao.log_head(), counted_to = plantao.log_head(), payload_bytes = 0;
      DELETE FROM plantao.events;
      COMMIT`);
    await add(100);
  });

  const add = (count: number) =>
    client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'n ' || n FROM generate_series(1, $1) n",
      [count],
    );
  const status = async (): Promise<Status> =>
    (await client.query<Status>('SELECT * FROM plantao.event_log_status')).rows[0] as Status;
  const age = (count: number, hours: number) =>
    client.query(
      `UPDATE plantao.events SET at = at - make_interval(hours => $2)
       WHERE position <= (SELECT floor FROM plantao.event_log) + $1`,
      [count, hours],
    );
  const retention = (more: Partial<RetentionOptions> = {}) =>
    new Retention({
      ...{ sequelize, log: pino({ level: 'silent' }), fencingToken: () => term },
      ...{ eventHours: 24, eventCount: 1_000_000, eventBytes: 1_000_000_000, keyHours: 24 },
      ...more,
    });

  it('removes the events that are too old and moves the floor', async () => {
    await age(30, 25);
    const before = await status();
    expect(await retention().sweep()).to.deep.equal({ events: 30, keys: 0 });
    const after = await status();
    expect(after.first_position).to.equal(before.first_position + 30);
    expect(after).to.include({ events: 70, head: before.head, removed: before.removed + 30 });
    expect(after.swept_at?.getTime()).to.be.closeTo(Date.now(), 60_000);
    const { rows } = await client.query('SELECT min(position)::int AS oldest FROM plantao.events');
    expect(rows[0].oldest).to.equal(after.first_position);
  });

  it('removes the events beyond the maximum number, of any age', async () => {
    expect(await retention({ eventCount: 40 }).sweep()).to.deep.equal({ events: 60, keys: 0 });
    expect(await status()).to.include({ events: 40 });
  });

  it('removes nothing within the limits, and everything if all events are too old', async () => {
    expect(await retention().sweep()).to.deep.equal({ events: 0, keys: 0 });
    await age(100, 25);
    const { head } = await status();
    expect(await retention().sweep()).to.deep.equal({ events: 100, keys: 0 });
    expect(await status(), 'positions continue').to.include({ events: 0, head });
    await add(1);
    expect(await status()).to.include({ events: 1, head: head + 1 });
  });

  it('leaves no gap after a clock was set back: it stops at the first new event', async () => {
    await age(100, 25);
    await client.query(
      'UPDATE plantao.events SET at = now() WHERE position = (SELECT floor FROM plantao.event_log) + 11',
    );
    expect((await retention().sweep()).events).to.equal(10);
  });

  it('removes an event from the far future with the old ones around it, and keeps it among new ones', async () => {
    await age(50, 25);
    const future = (at: number) =>
      client.query(
        "UPDATE plantao.events SET at = '9000-01-01' WHERE position = (SELECT floor FROM plantao.event_log) + $1",
        [at],
      );
    await future(11);
    await future(51);
    expect((await retention().sweep()).events).to.equal(50);
    await age(25, 25);
    expect((await retention().sweep()).events).to.equal(25);
  });

  it('does the rest of its work although tables of the DBA refer to old events and nodes, and logs why', async () => {
    await age(10, 25);
    await client.query(`CREATE TABLE notes (position bigint REFERENCES plantao.events, node text REFERENCES plantao.nodes);
      INSERT INTO plantao.nodes (node, url, pid, version, role, started_at, heartbeat_at)
        SELECT 'old-' || n, 'http://old', 1, '0', 'stopped', now(), now() - interval '8 days' FROM generate_series(1, 3) n;
      INSERT INTO notes SELECT floor + 1, 'old-2' FROM plantao.event_log`);
    const nodes = async () => (await client.query('SELECT node FROM plantao.nodes')).rows.map(({ node }) => node);
    const lines: string[] = [];
    const one = retention({ log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) }) });
    for (let sweep = 0; sweep < 3; sweep++) await one.sweep();
    const refusal = 'PostgreSQL does not let this node remove old events: ';
    const remedy = 'Drop the constraint notes_position_fkey of the table notes, or give it ON DELETE CASCADE';
    expect(lines).to.have.length(1);
    expect(lines[0]?.startsWith(refusal) && lines[0].endsWith(remedy), lines[0]).to.equal(true);
    expect(await nodes()).to.deep.equal(['old-2']);
    await client.query('DROP TABLE notes');
    expect((await one.sweep()).events).to.equal(10);
    expect(lines.slice(1)).to.deep.equal(['PostgreSQL lets this node remove old events again']);
    expect(await nodes()).to.deep.equal([]);
  });

  it('does not wait for plantao.nodes, whose lock would delay a switchover through the fence', async () => {
    await client.query('BEGIN; LOCK TABLE plantao.nodes IN ACCESS EXCLUSIVE MODE');
    const startedAt = performance.now();
    await retention().sweep();
    expect(performance.now() - startedAt).to.be.below(2500);
    await client.query('ROLLBACK');
  });

  it('removes the oldest events until the payloads of the rest fit the byte limit', async () => {
    await client.query("SELECT plantao.notify_group('large', to_jsonb(repeat('x', 998))) FROM generate_series(1, 20)");
    await add(10);
    expect(await retention({ eventBytes: 20_000 }).sweep()).to.deep.equal({ events: 0, keys: 0 });
    expect(await status()).to.include({ events: 130, payload_bytes: 20_000 });
    // The hundred events before the notifications, and five notifications.
    expect(await retention({ eventBytes: 15_000 }).sweep()).to.deep.equal({ events: 105, keys: 0 });
    expect(await status()).to.include({ events: 25, payload_bytes: 15_000 });
    await client.query("SELECT plantao.notify_group('large', to_jsonb(repeat('x', 4998)))");
    expect(await retention({ eventBytes: 15_000 }).sweep()).to.deep.equal({ events: 5, keys: 0 });
    expect(await status()).to.include({ payload_bytes: 15_000 });
  });

  it('removes events in as many steps as the byte limit requires, and recounts after events were lost', async () => {
    await client.query("SELECT plantao.notify_group('many', to_jsonb(repeat('x', 98))) FROM generate_series(1, 2500)");
    expect(await retention({ eventBytes: 1000 }).sweep()).to.deep.equal({ events: 2590, keys: 0 });
    expect(await status()).to.include({ events: 10, payload_bytes: 1000 });
    await client.query('DELETE FROM plantao.events WHERE position > (SELECT floor + 4 FROM plantao.event_log)');
    await retention({ eventBytes: 1000 }).sweep();
    expect(await status()).to.include({ events: 4, payload_bytes: 400 });
  });

  it('begins no new epoch, unlike a DELETE of the newest events, whose positions are given out again', async () => {
    const epochs = async () => {
      const { rows } = await client.query(
        'SELECT count(*)::int AS count, max(number)::int AS last FROM plantao.epochs',
      );
      return rows[0];
    };
    const before = await epochs();
    expect(await retention({ eventCount: 0 }).sweep()).to.include({ events: 100 });
    await add(5);
    await client.query('DELETE FROM plantao.events WHERE position = plantao.log_head() - 1');
    expect(await epochs()).to.deep.equal(before);
    const { rows } = await client.query(
      'DELETE FROM plantao.events WHERE position = plantao.log_head() RETURNING position',
    );
    await add(1);
    const { rows: now } = await client.query(
      'SELECT cause, plantao.log_head()::int AS head FROM plantao.epochs ORDER BY number DESC LIMIT 1',
    );
    expect(now[0]).to.include({ cause: 'end_lost', head: Number(rows[0].position) - 1 });
    expect((await epochs()).count).to.equal(before.count + 1);
  });

  it('removes in as many steps as necessary', async () => {
    await add(3400);
    expect((await retention({ eventCount: 500 }).sweep()).events).to.equal(3000);
    expect(await status()).to.include({ events: 500 });
  });

  it('reads only the events that a step may remove, however long the log is', async () => {
    await add(20_000);
    await age(30_000, 25);
    const rowsRead = async () => {
      const { rows } = await client.query<{ count: number }>(
        `SELECT (seq_tup_read + idx_tup_fetch)::int AS count FROM pg_stat_xact_user_tables
         WHERE relid = 'plantao.events'::regclass`,
      );
      return rows[0]?.count ?? 0;
    };
    const reads: number[] = [];
    // PostgreSQL makes the first five plans for their values, and then one for all.
    for (let step = 0; step < 7; step += 1) {
      await client.query('BEGIN');
      const before = await rowsRead();
      const { rows } = await client.query(
        "SELECT plantao.remove_old_events($1, interval '1 hour', 1000000000, 1000000000000, 100) AS removed",
        [term],
      );
      expect(rows).to.deep.equal([{ removed: 100 }]);
      reads.push((await rowsRead()) - before);
      await client.query('COMMIT');
    }
    expect(Math.max(...reads)).to.be.within(100, 1000);
  });

  it('continues behind a gap of billions of positions, which an INSERT by hand has left', async () => {
    const { head } = await status();
    await client.query(
      `INSERT INTO plantao.events (position, kind, at) SELECT plantao.lock_log() + 4294967296, 'broadcast', now() - interval '10 days'`,
    );
    await retention({ eventCount: 1000 }).sweep();
    expect(await status()).to.include({ events: 0, removed: head + 4294967296 });
  });

  it('skips idempotency keys that another transaction locks, as the deletion of an account does', async () => {
    await client.query(`
      INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
      SELECT 1, n, 1, sha256('x'), 1, 1, now() - interval '9 days' FROM unnest(ARRAY['locked', 'free']) n;
      INSERT INTO plantao.request_keys (owner_id, key, request_hash, used_at)
      SELECT 1, n, sha256('x'), now() - interval '9 days' FROM unnest(ARRAY['locked', 'free']) n`);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    const step = async () => {
      const text = "SELECT plantao.remove_old_keys($1, '8 days', 100) AS removed";
      return (await client.query(text, [term])).rows[0].removed;
    };
    try {
      await other.query(`
        BEGIN;
        SELECT FROM plantao.idempotency_keys WHERE key = 'locked' FOR UPDATE;
        SELECT FROM plantao.request_keys WHERE key = 'locked' FOR UPDATE`);
      await client.query("SET lock_timeout = '1s'");
      expect(await step()).to.equal(2);
    } finally {
      await client.query('RESET lock_timeout');
      await other.end();
    }
    await eventually('the other transaction has ended', async () => (await step()) === 2);
  });

  it('removes old idempotency keys', async () => {
    await client.query(
      `INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
       SELECT 1, 'k' || n, 1, sha256('text'), n, n, now() - make_interval(hours => n) FROM generate_series(1, 48) n`,
    );
    expect(await retention().sweep()).to.deep.equal({ events: 0, keys: 25 });
    const { rows } = await client.query('SELECT count(*)::int AS kept FROM plantao.idempotency_keys');
    expect(rows[0].kept).to.equal(23);
  });

  it('continues the deletions of accounts', async () => {
    const { rows } = await client.query("INSERT INTO plantao.users (username) VALUES ('apagada') RETURNING id");
    const text =
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, $1, 'x' FROM generate_series(1, 3)";
    await client.query(text, [rows[0].id]);
    await client.query("SELECT plantao.erase_user($1, 'erase', 1)", [rows[0].id]);
    await retention().sweep();
    const left = await client.query('SELECT FROM plantao.messages WHERE sender_id = $1', [rows[0].id]);
    expect(left.rows).to.have.length(0);
    expect((await client.query('SELECT FROM plantao.users WHERE erasing IS NOT NULL')).rows).to.have.length(0);
  });

  it('removes in steps what a message with thousands of reactions and earlier texts has left', async () => {
    const count = async (from: string) => (await client.query(`SELECT count(*)::int AS n FROM ${from}`)).rows[0].n;
    await client.query("INSERT INTO plantao.users (username) SELECT 'fã ' || n FROM generate_series(1, 250) n");
    const { rows } = await client.query(
      "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'popular'), (1, 1, 'plain') RETURNING id",
    );
    const ids = rows.map(({ id }) => id);
    await client.query(
      `INSERT INTO plantao.reactions (message_id, user_id, emoji)
       SELECT $1, u.id, n::text FROM plantao.users u, generate_series(1, 10) n WHERE u.username LIKE 'fã %'`,
      [ids[0]],
    );
    await client.query("INSERT INTO plantao.reactions (message_id, user_id, emoji) VALUES ($1, 1, '👍')", [ids[1]]);
    await client.query(
      "INSERT INTO plantao.message_edits SELECT $1, now(), 'text ' || n FROM generate_series(1, 2500) n",
      [ids[0]],
    );
    await client.query('DELETE FROM plantao.messages WHERE id = ANY ($1)', [ids]);
    expect(await count('plantao.reactions')).to.be.within(1, 1501);
    expect(await count('plantao.message_edits')).to.equal(1500);
    expect(await count('plantao.reaction_counts')).to.equal(0);
    const head = (await status()).head;
    await retention().sweep();
    for (const table of ['reactions', 'message_edits', 'reaction_counts', 'removed_messages'])
      expect(await count(`plantao.${table}`), table).to.equal(0);
    expect((await status()).head, 'no reaction is notified').to.equal(head);
  });

  it('runs on the active node only: without a term it does nothing, and the database refuses a closed one', async () => {
    await age(100, 25);
    expect(await retention({ fencingToken: () => null }).sweep()).to.deep.equal({ events: 0, keys: 0 });
    const refused = await retention({ fencingToken: () => term - 1 })
      .sweep()
      .catch((error) => error.original?.code ?? error.code);
    expect(refused).to.equal('PT001');
    expect(await status()).to.include({ events: 100 });
  });

  it('stops between two steps when its node stops', async () => {
    await add(5000);
    const one = retention({ eventCount: 100 });
    const sweeping = one.sweep();
    await one.stop();
    expect((await sweeping).events).to.be.below(4000);
  });

  describe('A reader during retention', () => {
    let node: LogNode;
    afterEach(async () => {
      await node.stop();
    });
    const reasonOf = (work: Promise<unknown>) =>
      work.then(
        () => 'answered',
        (error) => (error instanceof CursorExpiredError ? error.reason : String(error)),
      );
    const cursorAt = async (position: number) =>
      `${(await client.query('SELECT epoch FROM plantao.log_bounds')).rows[0].epoch}-${position}`;

    it('continues from a cursor at the floor, and is refused with one below it', async () => {
      await retention({ eventCount: 40 }).sweep();
      node = await LogNode.start({ url: database.url });
      const { removed } = await status();
      const { delivery } = await node.pollUser(1, await cursorAt(removed));
      expect(delivery?.events.map(({ position }) => position)).to.deep.equal(
        Array.from({ length: 40 }, (_, n) => removed + 1 + n),
      );
      expect(await reasonOf(node.pollUser(1, await cursorAt(removed - 1)))).to.equal('retention');
      expect(await reasonOf(node.pollUser(1, await cursorAt(0)))).to.equal('retention');
    });

    it('gets removed events that its node has in memory', async () => {
      node = await LogNode.start({ url: database.url });
      const from = await cursorAt(node.log.known.tail.start);
      await retention({ eventCount: 1 }).sweep();
      const { delivery } = await node.pollUser(1, from);
      expect(delivery?.events.length).to.equal(100);
    });

    it('gets a complete page or a refusal while the floor of the log moves', async () => {
      node = await LogNode.start({ url: database.url });
      await add(25_000);
      // A page that takes too long on a busy machine is read again, as a node does.
      while (node.log.known.head < (await status()).head) await node.log.read().catch(() => {});
      const { removed } = await status();
      expect(node.log.known.tail.start, 'the beginning is no longer in memory').to.be.greaterThan(removed);
      const outcomes = new Set<string>();
      let isOver = false;
      const sweeping = retention({ eventCount: 24_000 })
        .sweep()
        .finally(() => {
          isOver = true;
        });
      while (!isOver) {
        const outcome = await node.pollUser(1, await cursorAt(removed)).then(
          ({ delivery }) =>
            delivery?.events[0]?.position === removed + 1 ? 'whole' : `from ${delivery?.events[0]?.position}`,
          (error) => (error instanceof CursorExpiredError ? error.reason : String(error)),
        );
        outcomes.add(outcome);
      }
      await sweeping;
      expect([...outcomes]).to.satisfy((all: string[]) => all.every((one) => ['whole', 'retention'].includes(one)));
      expect(await reasonOf(node.pollUser(1, await cursorAt(removed)))).to.equal('retention');
    });

    it('gets its last cursor from a node that was frozen while retention passed the position of the node', async () => {
      node = await LogNode.start({ url: database.url });
      const last = node.log.known.cursorAt(node.log.known.head);
      const { poll, delivery } = await node.pollUser(1, last);
      expect(delivery).to.equal(null);
      // As on a frozen node: events are appended and removed before this node reads them.
      await client.query(`
        BEGIN;
        INSERT INTO plantao.messages (group_id, sender_id, content) SELECT 1, 1, 'missed' FROM generate_series(1, 50);
        UPDATE plantao.event_log SET floor = plantao.log_head() - 10;
        DELETE FROM plantao.events WHERE position <= (SELECT floor FROM plantao.event_log);
        COMMIT`);
      await node.log.hint();
      const dismissal = await poll.delivered;
      expect(dismissal).to.include({ reason: 'logReplaced', cursor: last });
      expect(dismissal.events).to.deep.equal([]);
      expect(node.dismissals).to.deep.equal([last]);
      expect(await reasonOf(node.pollUser(1, dismissal.cursor))).to.equal('retention');
      expect(node.log.known.head).to.equal((await status()).head);
    });
  });
});
