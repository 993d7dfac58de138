import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get, post } from '../../support/network/http.ts';
import { asUser, People, type Person } from '../../support/network/people.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('The budget of a client', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase({ each: true });
  let people: People;
  const nodes: LocalNode[] = [];

  const start = async (name: string, env: Record<string, string>) => {
    const node = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), NODE_NAME: name, ...env });
    nodes.push(node);
    await node.start();
    await untilActive(node);
    return node;
  };
  beforeEach(async () => {
    people = new People(sql);
  });
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  it('limits notifications by number, and those of one client only', async () => {
    const node = await start('counting', { AUTH: 'token', NOTIFICATIONS_PER_MINUTE: '60' });
    const [ana, bruno] = [await people.newUser(), await people.newUser()];
    const responses = await Promise.all(
      Array.from({ length: 13 }, () => post(`${node.url}/notify/x`, {}, asUser(ana))),
    );
    expect(responses.filter(({ status }) => status === 200)).to.have.length(10);
    const refused = responses.find(({ status }) => status === 429);
    expect(refused?.body.code).to.equal('too_many_requests');
    expect(Number(refused?.headers['retry-after'])).to.be.within(1, 10);
    expect((await post(`${node.url}/notify/x`, {}, asUser(bruno))).status).to.equal(200);
    expect((await get(`${node.url}/users`, asUser(ana))).status).to.equal(200);
  });

  it('limits notifications by the bytes of their payloads', async () => {
    const node = await start('weighing', { AUTH: 'token', NOTIFICATION_BYTES_PER_MINUTE: '1200000' });
    const ana = await people.newUser();
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) {
      statuses.push((await post(`${node.url}/notify/x`, { payload: 'x'.repeat(60_000) }, asUser(ana))).status);
    }
    expect(statuses).to.deep.equal([200, 200, 200, 429, 429]);
  });

  it('limits what one notification stores for the groups of a name', async () => {
    const node = await start('multiplying', {});
    await sql.query("INSERT INTO plantao.groups (name) SELECT 'twin' FROM generate_series(1, 300)");
    const large = await post(`${node.url}/notify/twin`, { payload: 'x'.repeat(60_000) });
    expect([large.status, large.body.code]).to.deep.equal([413, 'too_large']);
    expect((await post(`${node.url}/notify/twin`, { payload: 'x'.repeat(50_000) })).status).to.equal(200);
  });

  it('limits the people that one user adds to groups in an hour', async () => {
    const node = await start('adding', { AUTH: 'token' });
    const [ana, bruno] = [await people.newUser(), await people.newUser()];
    await sql.query("INSERT INTO plantao.users (username) SELECT 'added ' || n FROM generate_series(1, 1000) n");
    const members = Array.from({ length: 1000 }, (_, at) => `added ${at + 1}`);
    const create = (creator: Person) =>
      post(`${node.url}/create-chat`, { groupName: 'All', creatorId: creator.id, members }, asUser(creator));
    const first = await create(ana);
    expect(first.status).to.equal(200);
    expect((await create(ana)).status).to.equal(200);
    const refused = await create(ana);
    expect([refused.status, refused.body.code]).to.deep.equal([429, 'too_many_requests']);
    const add = { groupId: first.body.group_id, userId: bruno.id };
    expect((await post(`${node.url}/group-users`, add, asUser(ana))).status).to.equal(429);
    expect((await create(bruno)).status).to.equal(200);
  });

  it('leaves connections for other requests while many clients search users', async () => {
    const node = await start('searching', { TRUST_PROXY: 'loopback', DB_POOL_SIZE: '4' });
    const ana = await people.newUser();
    const locker = new pg.Client({ connectionString: database.url });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE plantao.users IN ACCESS EXCLUSIVE MODE');
    const searches = Array.from({ length: 8 }, (_, at) =>
      get(`${node.url}/users?username=${ana.username}`, { headers: { 'x-forwarded-for': `203.0.113.${at}` } }),
    );
    const running = async () => {
      const { rows } = await sql.query(
        `SELECT count(*)::int AS running FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%search_name%'`,
      );
      return rows[0].running as number;
    };
    try {
      await eventually('searches run', async () => (await running()) >= 2);
      expect((await get(`${node.url}/cluster`)).status).to.equal(200);
      expect(await running()).to.equal(2);
    } finally {
      await locker.query('COMMIT');
      await locker.end();
    }
    for (const { status } of await Promise.all(searches)) expect(status).to.equal(200);
  });
});
