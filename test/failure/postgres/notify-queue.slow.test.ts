import { expect } from 'chai';
import type pg from 'pg';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { bearer, get, post } from '../../support/network/http.ts';
import { People } from '../../support/network/people.ts';
import { plantao } from '../../support/nodes/command.ts';
import { type LocalNode, localNode, useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { fillNotifyQueue } from '../../support/postgres/notify-queue.ts';

/** The log is read once a second; a busy machine adds to that. */
const BY_READING_MS = 4000;
const PATIENCE = { within: 20_000 };

describe('A full NOTIFY queue', () => {
  const nodes = useTwoNodes(
    { AUTH: 'token', ADMIN_TOKEN: 'a'.repeat(32), LEASE_MS: '1000' },
    { server: { flags: ['-c', 'max_notify_queue_pages=64'] } },
  );
  const dba = nodes.sql;
  let stranger: pg.Client;
  beforeEach(async () => {
    stranger = await fillNotifyQueue(nodes.database.url);
  });
  afterEach(async () => {
    await stranger?.end();
    await eventually(
      'the nodes say that the queue has room',
      () => isOver(nodes.active) && isOver(nodes.standby),
      PATIENCE,
    );
  });

  const isFull = (node: LocalNode) =>
    saidOfQueue(node, 'condition_began').length > saidOfQueue(node, 'condition_ended').length;
  const isOver = (node: LocalNode) => !isFull(node);
  const admin = bearer('a'.repeat(32));
  const activeOf = async () => {
    const healths = await Promise.all([nodes.active, nodes.standby].map(({ url }) => get(`${url}/health`)));
    return [nodes.active, nodes.standby].find((_, at) => healths[at]?.body.active === true);
  };
  const active = () => eventually('one node is active', activeOf);

  it('is reported by plantao check, which no longer says that NOTIFY works', async () => {
    const { exit, output } = await plantao(['check', '--database', nodes.database.url]);
    expect(exit).to.equal(0);
    expect(output)
      .to.contain('the leader lock and LISTEN work over this connection')
      .and.contain('the NOTIFY queue is');
    expect(output).to.match(/SELECT pg_terminate_backend\(\d+\)/);
  }).timeout(30_000);

  it('fails no post, and the event arrives on the other node within about a second', async () => {
    const people = new People(dba);
    const ana = await people.newUser();
    const groupId = await people.group('queue', [ana]);
    const headers = { authorization: `Bearer ${ana.token}` };
    const [writer, reader] = [await active(), nodes.active === (await active()) ? nodes.standby : nodes.active];
    const poll = get(`${reader.url}/subscribe/status?groupId=${groupId}&timeout=20`, { headers, deadline: 25_000 });
    const sent = await post(
      `${writer.url}/messages`,
      { userId: ana.id, groupId, content: 'through' },
      { headers: { ...headers, 'idempotency-key': 'full' } },
    );
    expect(sent.status).to.equal(200);
    const heard = await poll;
    expect(heard.status).to.equal(200);
    expect(heard.ms).to.be.below(BY_READING_MS);
  });

  it('fails no notification, change of a group, sign-out or INSERT by a DBA', async () => {
    const people = new People(dba);
    const [ana, bruno] = [await people.newUser(), await people.newUser()];
    const groupId = await people.group('queue', [ana, bruno]);
    const call = bearer(ana.token);
    const { url } = await active();
    const carla = await people.newUser();
    const added = await post(`${url}/group-users`, { groupId, userId: carla.id }, call);
    expect(added.status, added.text).to.equal(200);
    expect((await post(`${url}/notify/queue`, { payload: 1 }, call)).status).to.equal(200);
    expect((await post(`${url}/notify/all`, {}, admin)).status).to.equal(200);
    await dba.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, $3)', [
      groupId,
      ana.id,
      'by hand',
    ]);
    const out = await post(`${url}/logout`, {}, call);
    expect(out.status, out.text).to.equal(200);
    await eventually('both nodes refuse the token', async () => {
      const responses = await Promise.all([nodes.active, nodes.standby].map((node) => get(`${node.url}/chats`, call)));
      return responses.every(({ status }) => status === 401);
    });
  });

  it('prevents no promotion, neither by switchover nor after a loss of the lock', async () => {
    const from = await active();
    const handedOver = await post(`${from.url}/switchover`, {}, admin);
    expect(handedOver.status, handedOver.text).to.equal(200);
    const next = await active();
    expect(next).not.to.equal(from);
    await dba.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await active();
    await dba.query("SELECT plantao.switchover('node-a')");
    await eventually('node-a is active, or was already', async () => (await activeOf())?.name === 'node-a', PATIENCE);
  });

  it('is named once in the log with the session that holds it, shown in /metrics, and replaces no listener', async () => {
    const { url } = nodes.active;
    await eventually('both nodes say so', () => isFull(nodes.active) && isFull(nodes.standby), PATIENCE);
    const began = saidOfQueue(nodes.active, 'condition_began').at(-1)?.msg ?? '';
    const { rows } = await dba.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'stranger'");
    expect(began).to.contain(`Server process ${rows[0]?.pid} (stranger, role `);
    expect(began).to.contain('pg_terminate_backend');
    const { body } = await get(`${url}/readiness`);
    expect(body.ready).to.equal(true);
    expect(JSON.stringify(body.conditions)).to.contain('the NOTIFY queue is');
    expect(JSON.stringify(body.conditions)).not.to.contain('stranger');
    const metrics = await get(`${url}/metrics`);
    expect(Number(/^plantao_notify_queue_usage (\S+)$/m.exec(metrics.text)?.[1])).to.be.above(0.5);
    const before = saidOfQueue(nodes.active, 'condition_began').length;
    // Hints that an earlier test has missed may have had it replaced once the queue had room.
    const replaced = said(nodes.active, 'listener_replaced').length;
    await dba.query(`INSERT INTO plantao.messages (group_id, sender_id, content)
                     SELECT group_id, user_id, 'unheard' FROM plantao.memberships LIMIT 1`);
    // Two reads of the log after it moved: a listener that misses notifications would have been replaced.
    const { rows: heads } = await dba.query('SELECT plantao.log_head() AS head');
    await eventually('the node has read it', async () => {
      const { text } = await get(`${url}/metrics`);
      return Number(/^plantao_log_position (\S+)$/m.exec(text)?.[1]) >= Number(heads[0]?.head);
    });
    // A missing notification is noticed half a second later, and acted upon one read later.
    const isCalm = () =>
      said(nodes.active, 'listener_replaced').length === replaced &&
      saidOfQueue(nodes.active, 'condition_began').length === before;
    await always('no listener is replaced, and no queue is reported', isCalm, { forMs: 3000 });
  });

  it('does not prevent a node from starting', async () => {
    const late = localNode({ DATABASE_URL: nodes.database.url, PORT: '0', NODE_NAME: 'late', AUTH: 'token' });
    await late.start();
    await late.stop();
  });
});

const said = ({ entries }: LocalNode, event: string) => entries.filter((entry) => entry.event === event);
/** Of this condition: a promotion that takes a while is another. */
const saidOfQueue = (node: LocalNode, event: string) =>
  said(node, event).filter((entry) => (entry as { condition?: string }).condition === 'notify_queue');
