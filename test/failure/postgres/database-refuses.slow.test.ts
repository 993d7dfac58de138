import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { get, type JsonObject, post } from '../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { testServer } from '../../support/postgres/test-server.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const PATIENCE = { within: 20_000, every: 50 };
const MESSAGE = { userId: 1, groupId: 1, content: 'x' };

/** Changes that an operator may make to a database in use: posts are refused until they are undone. */
const FAULTS: [what: string, fault: string, undo: string, sqlState: string][] = [
  [
    'a trigger of the operator raises an exception',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.messages FOR EACH ROW EXECUTE FUNCTION public.frozen()',
    'DROP TRIGGER zz ON plantao.messages',
    'P0001',
  ],
  [
    'a trigger of the operator drops messages',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.messages FOR EACH ROW EXECUTE FUNCTION public.dropped()',
    'DROP TRIGGER zz ON plantao.messages',
    '09000',
  ],
  [
    'such a trigger is on the event log',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.events FOR EACH ROW EXECUTE FUNCTION public.frozen()',
    'DROP TRIGGER zz ON plantao.events',
    'P0001',
  ],
  [
    'a trigger of the operator drops events',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.events FOR EACH ROW EXECUTE FUNCTION public.dropped()',
    'DROP TRIGGER zz ON plantao.events',
    '09000',
  ],
  [
    'a trigger of the operator finds a value invalid',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.messages FOR EACH ROW EXECUTE FUNCTION public.validates()',
    'DROP TRIGGER zz ON plantao.messages',
    '22023',
  ],
  [
    'a trigger of the operator on the event log divides by zero',
    'CREATE TRIGGER zz BEFORE INSERT ON plantao.events FOR EACH ROW EXECUTE FUNCTION public.divides()',
    'DROP TRIGGER zz ON plantao.events',
    '22012',
  ],
  [
    'a trigger of the operator raises an SQLSTATE of its own at the commit',
    'CREATE CONSTRAINT TRIGGER zz AFTER INSERT ON plantao.messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.raises()',
    'DROP TRIGGER zz ON plantao.messages',
    'ZZ001',
  ],
  [
    'a constraint of the operator is violated',
    "ALTER TABLE plantao.messages ADD CONSTRAINT zz CHECK (content <> 'x') NOT VALID",
    'ALTER TABLE plantao.messages DROP CONSTRAINT zz',
    '23514',
  ],
  [
    'a privilege is revoked',
    'REVOKE EXECUTE ON FUNCTION plantao.post_messages FROM plantao_service',
    'SELECT plantao.grant_roles()',
    '42501',
  ],
  [
    'a table is renamed',
    'ALTER TABLE plantao.groups RENAME TO away',
    'ALTER TABLE plantao.away RENAME TO groups',
    '42P01',
  ],
];

const GROUP = { groupName: 'Nova', creatorId: 1, members: [] };

/** Requests that store a row in a table. */
const DROPPED: [table: string, path: string, body: JsonObject][] = [
  ['idempotency_keys', '/messages', MESSAGE],
  ['request_keys', '/create-chat', GROUP],
  ['groups', '/create-chat', GROUP],
  ['memberships', '/create-chat', GROUP],
  ['memberships', '/group-users', { groupId: 1, userId: 100 }],
  ['tokens', '/login', { username: 'ana_orm' }],
  ['reactions', '/reactions', { userId: 1, messageId: 1, emoji: '👍' }],
  ['events', '/notify/x', { payload: 1 }],
];

describe('A node whose database refuses what it needs', () => {
  const { database, sql } = useDatabase();
  let nodes: TwoNodes;
  let login: string;

  before(async () => {
    await seedData(database.url);
    await sql.query(
      "CREATE FUNCTION public.frozen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''frozen: %'', TG_TABLE_NAME; END'",
    );
    await sql.query("CREATE FUNCTION public.dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
    await sql.query(
      "CREATE FUNCTION public.divides() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; RETURN NEW; END'",
    );
    await sql.query(
      "CREATE FUNCTION public.validates() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''frozen'' USING ERRCODE = ''22023''; END'",
    );
    await sql.query(
      "CREATE FUNCTION public.raises() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''frozen'' USING ERRCODE = ''ZZ001''; END'",
    );
    await sql.query("INSERT INTO plantao.users (id, username) VALUES (100, 'caio')");
    login = `node_${process.pid}`;
    await sql.query(`CREATE ROLE ${login} LOGIN PASSWORD 'pw' IN ROLE plantao_service`);
    const url = new URL(database.url);
    Object.assign(url, { username: login, password: 'pw' });
    nodes = await startTwoNodes(url.href);
  });
  after(async () => {
    // The faults of these tests are logged as errors.
    await nodes?.stop().catch(() => {});
    const { admin } = await testServer();
    await admin(`DROP ROLE ${login}`);
  });

  const send = (headers = {}) => post(`${nodes.active.url}/messages`, MESSAGE, { headers });
  const isStored = async () => {
    const responses = await Promise.all(
      [nodes.active, nodes.standby].map(({ url }) => post(`${url}/messages`, MESSAGE)),
    );
    return responses.some(({ status }) => status === 200);
  };
  const failures = () => nodes.active.entries.filter(({ event }) => event === 'request_failed');

  it('shows messages without reactions if only the reactions cannot be read, says so, and logs it once', async () => {
    const page = () => get(`${nodes.standby.url}/messages?groupId=1&limit=1`);
    await sql.query('ALTER TABLE plantao.reactions RENAME TO away');
    try {
      for (let count = 0; count < 2; count++) {
        const { status, body, text } = await page();
        expect([status, body.incomplete], text).to.deep.equal([200, ['reactions']]);
        expect(body.messages).to.have.length(1);
      }
    } finally {
      await sql.query('ALTER TABLE plantao.away RENAME TO reactions');
    }
    expect((await page()).body).not.to.have.property('incomplete');
    expect(nodes.standby.entries.filter(({ event }) => event === 'reactions_unreadable')).to.have.length(1);
  });

  for (const [what, fault, undo, sqlState] of FAULTS) {
    it(`responds 503 with the true reason, and logs it once: ${what}`, async () => {
      const before = failures().length;
      await sql.query(fault);
      try {
        for (const headers of [{}, { 'idempotency-key': `key-${sqlState}-${before}` }, {}]) {
          const { status, body, text } = await send(headers);
          expect([status, body.code], text).to.deep.equal([503, 'database_refused']);
          expect(text)
            .to.contain('PostgreSQL refuses this')
            .and.not.match(/frozen|SQLSTATE|zz|zero|post_messages|keys/);
        }
      } finally {
        await sql.query(undo);
      }
      await eventually('posts are stored again', async () => (await send()).status === 200, PATIENCE);
      const logged = failures().slice(before) as unknown as { err: { code: string } }[];
      expect(logged.map(({ err }) => err.code)).to.deep.equal([sqlState]);
    });
  }

  it('stores a message without a key while the table of the keys has another name', async () => {
    await sql.query('ALTER TABLE plantao.idempotency_keys RENAME TO away');
    try {
      expect((await send()).status).to.equal(200);
      const { status, body, text } = await send({ 'idempotency-key': 'renamed' });
      expect([status, body.code], text).to.deep.equal([503, 'database_refused']);
      expect((await send()).status, 'after the refused one').to.equal(200);
    } finally {
      await sql.query('ALTER TABLE plantao.away RENAME TO idempotency_keys');
    }
    expect((await send({ 'idempotency-key': 'renamed' })).status).to.equal(200);
  });

  for (const [at, [table, path, body]] of DROPPED.entries()) {
    it(`acknowledges nothing that a trigger of the operator drops: ${table}, POST ${path}`, async () => {
      await sql.query(
        `CREATE TRIGGER zz BEFORE INSERT ON plantao.${table} FOR EACH ROW EXECUTE FUNCTION public.dropped()`,
      );
      try {
        const headers = { 'idempotency-key': `dropped-${at}` };
        const { status, body: response, text } = await post(`${nodes.active.url}${path}`, body, { headers });
        expect([status, response.code], text).to.deep.equal([503, 'database_refused']);
      } finally {
        await sql.query(`DROP TRIGGER zz ON plantao.${table}`);
      }
      const headers = { 'idempotency-key': `kept-${at}` };
      const { status, text } = await post(`${nodes.active.url}${path}`, body, { headers });
      expect(status, text).to.equal(200);
    });
  }

  it('acknowledges no message while the triggers that append its event are disabled', async () => {
    await sql.query('ALTER TABLE plantao.messages DISABLE TRIGGER USER');
    try {
      for (const headers of [{}, { 'idempotency-key': 'disabled' }]) {
        const { status, body, text } = await send(headers);
        expect([status, body.code], text).to.deep.equal([503, 'database_refused']);
      }
    } finally {
      await sql.query('ALTER TABLE plantao.messages ENABLE TRIGGER USER');
    }
    await eventually('posts are stored again', isStored, PATIENCE);
  });

  it('responds 503 to reads, rather than with fewer rows, while row-level security hides rows from the nodes', async () => {
    const groupId = 1;
    const paths = [`/messages?groupId=${groupId}`, '/chats?userId=1', '/users', `/group-users?groupId=${groupId}`];
    const codesOf = (url: string) => Promise.all(paths.map(async (path) => (await get(`${url}${path}`)).body.code));
    for (const table of ['messages', 'users', 'memberships']) {
      await sql.query(`ALTER TABLE plantao.${table} ENABLE ROW LEVEL SECURITY`);
      try {
        for (const { url } of [nodes.active, nodes.standby]) {
          const codes = await codesOf(url);
          expect(codes, table).to.include('database_refused');
          expect([undefined, 'database_refused'], table).to.include.members(codes);
        }
      } finally {
        await sql.query(`ALTER TABLE plantao.${table} DISABLE ROW LEVEL SECURITY`);
      }
      expect(new Set(await codesOf(nodes.standby.url))).to.deep.equal(new Set([undefined]));
    }
    await eventually('posts are stored again', isStored, PATIENCE);
  });

  it('does not notice that pg_notify was revoked: posts are stored, waiters are notified, and the role moves', async () => {
    const FUNCTION = 'FUNCTION pg_catalog.pg_notify(text, text)';
    const listener = new pg.Client({ connectionString: database.url });
    await listener.connect();
    let notified = 0;
    listener.on('notification', () => notified++);
    await listener.query('LISTEN plantao_events');
    await sql.query(`REVOKE EXECUTE ON ${FUNCTION} FROM PUBLIC`);
    try {
      expect((await post(`${nodes.active.url}/messages`, MESSAGE)).status).to.equal(200);
      await eventually('the post was notified', () => notified > 0, PATIENCE);
      expect((await post(`${nodes.active.url}/switchover`, {})).status).to.equal(200);
      await eventually(
        'the standby stores posts',
        async () => (await post(`${nodes.standby.url}/messages`, MESSAGE)).status === 200,
        PATIENCE,
      );
      expect((await post(`${nodes.standby.url}/switchover`, {})).status).to.equal(200);
      await eventually('posts are stored by the first node again', isStored, PATIENCE);
    } finally {
      await sql.query(`GRANT EXECUTE ON ${FUNCTION} TO PUBLIC`);
      await listener.end();
    }
  });

  it('responds 503 to reads and polls too, shows the reason in /readiness, and logs it once', async () => {
    const entries = () => nodes.standby.entries.filter(({ msg }) => msg?.includes('could not read the event log'));
    await sql.query('REVOKE USAGE ON SCHEMA plantao FROM plantao_service');
    try {
      const ready = () => get<{ conditions: { name: string; reason: string }[] }>(`${nodes.standby.url}/readiness`);
      await eventually(
        'the reason is in /readiness',
        async () =>
          (await ready()).body.conditions.some(
            ({ name, reason }) => name === 'event_log' && reason.includes('SQLSTATE 42501'),
          ),
        PATIENCE,
      );
      for (const path of [
        '/messages?groupId=1',
        '/chats?userId=1',
        '/users',
        '/subscribe/status?groupId=1&timeout=0',
      ]) {
        const { status, body } = await get(`${nodes.standby.url}${path}`);
        expect([status, body.code], path).to.deep.equal([503, 'database_refused']);
      }
      const since = Date.now();
      await eventually('several reads of the log have failed', () => Date.now() - since > 2500, PATIENCE);
      expect(entries()).to.have.length(1);
    } finally {
      await sql.query('GRANT USAGE ON SCHEMA plantao TO plantao_service');
    }
    await eventually('posts are stored again', isStored, PATIENCE);
    await eventually(
      'the standby reads again',
      async () => (await get(`${nodes.standby.url}/readiness`)).status === 200,
      PATIENCE,
    );
  });
});
