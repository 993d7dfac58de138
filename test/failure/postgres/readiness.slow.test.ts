import { expect } from 'chai';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { type LocalNode, useTwoNodes } from '../../support/nodes/two-nodes.ts';

const PATIENCE = { within: 20_000, every: 50 };

interface Readiness {
  ready: boolean;
  conditions: { name: string; reason: string; since: string }[];
}

describe('/readiness', () => {
  // The faults of these tests are logged as errors.
  const nodes = useTwoNodes({ LEASE_MS: '1000' }, { mayLogErrors: true });
  const dba = nodes.sql;

  const ask = (node: LocalNode, query = '') => get<Readiness>(`${node.url}/readiness${query}`);
  const untilNotReady = (node: LocalNode, condition: string) =>
    eventually(
      `${node.name} is not ready: ${condition}`,
      async () => {
        const { status, body } = await ask(node);
        return status === 503 && !body.ready && body.conditions.find(({ name }) => name === condition);
      },
      PATIENCE,
    );
  const untilReady = () =>
    eventually(
      'both are ready',
      async () =>
        (await Promise.all([nodes.active, nodes.standby].map((node) => ask(node)))).every(
          ({ status }) => status === 200,
        ),
      PATIENCE,
    );
  const said = (node: LocalNode, condition: string) =>
    node.entries.filter((entry) => (entry as { condition?: string }).condition === condition).map(({ event }) => event);

  it('returns 503 with the reason on an active node whose posts fail; the standby stays ready for reads', async function () {
    this.timeout(60_000);
    await untilReady();
    await dba.query('ALTER FUNCTION plantao.post_messages RENAME TO post_messages_away');
    const send = () => post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'fails' });
    await eventually('a post fails', async () => (await send()).status >= 500, PATIENCE);
    const condition = await untilNotReady(nodes.active, 'posts');
    expect(condition.reason).to.contain('messages cannot be stored').and.contain('SQLSTATE 42883');
    expect((await ask(nodes.active, '?for=reads')).status).to.equal(200);
    expect((await ask(nodes.standby)).status).to.equal(200);
    await eventually('it is logged', () => said(nodes.active, 'posts').length === 1, PATIENCE);
    // Meanwhile the node reopens the session of the writer, which fails too.
    const isReason = async () => (await send()).body.code === 'database_refused';
    await always('posts get the reason', isReason, { forMs: 6000, every: 100 });
    await dba.query('ALTER FUNCTION plantao.post_messages_away RENAME TO post_messages');
    await untilReady();
    expect(said(nodes.active, 'posts')).to.deep.equal(['condition_began', 'condition_ended']);
    expect((await send()).status).to.equal(200);
  });

  for (const [refusal, code] of [
    ["RAISE EXCEPTION 'spam'", 'database_refused'],
    ['RETURN NULL', 'database_refused'],
    ["RAISE EXCEPTION 'spam' USING ERRCODE = '40001'", 'unavailable'],
    ["RAISE EXCEPTION 'spam' USING ERRCODE = '57P01'", 'database_refused'],
  ] as const) {
    it(`stays 200, and the posts of others are stored, while a filter of the operator refuses one client's: ${refusal}`, async function () {
      this.timeout(60_000);
      await untilReady();
      await dba.query(`CREATE FUNCTION public.filter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.content LIKE '%spam%' THEN ${refusal}; END IF; RETURN NEW; END $$;
        CREATE TRIGGER zz BEFORE INSERT ON plantao.messages FOR EACH ROW EXECUTE FUNCTION public.filter()`);
      try {
        const send = (content: string) => post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content });
        const { body } = await send('spam');
        expect(body.code).to.equal(code);
        expect((await ask(nodes.active)).status, 'after a lone one').to.equal(200);
        for (let round = 0; round < 20; round++) {
          const good = Array.from({ length: 6 }, (_, at) => send(`fine ${round} ${at}`));
          const responses = await Promise.all([send('spam'), ...good]);
          expect(responses.map(({ status }) => status)).to.deep.equal([503, 200, 200, 200, 200, 200, 200]);
          expect((await ask(nodes.active)).status).to.equal(200);
        }
      } finally {
        await dba.query('DROP FUNCTION public.filter CASCADE');
      }
    });
  }

  it('returns 503 until posts are stored again, also when the event log refuses them because its positions are used up', async function () {
    this.timeout(60_000);
    await untilReady();
    const before = said(nodes.active, 'posts').length;
    await dba.query("INSERT INTO plantao.events (position, kind) VALUES (9007199254740991, 'broadcast')");
    const send = () => post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'no position' });
    expect((await send()).body.code).to.equal('database_refused');
    await untilNotReady(nodes.active, 'posts');
    // It stays so: the node has tried a post meanwhile.
    await eventually('it is logged', () => said(nodes.active, 'posts').length === before + 1, PATIENCE);
    expect((await ask(nodes.active)).status).to.equal(503);
    // The remedy in the COMMENT of the column.
    await dba.query('DELETE FROM plantao.events WHERE position = 9007199254740991');
    await untilReady();
    expect((await send()).status).to.equal(200);
    expect(said(nodes.active, 'posts').slice(before)).to.deep.equal(['condition_began', 'condition_ended']);
  });

  for (const [what, fault, undo] of [
    [
      'a constraint of the operator',
      'ALTER TABLE plantao.messages ADD COLUMN zz integer, ADD CONSTRAINT zz CHECK (zz IS NOT NULL) NOT VALID',
      'ALTER TABLE plantao.messages DROP COLUMN zz',
    ],
    [
      'a foreign key of the operator',
      'CREATE TABLE public.zz (id bigint PRIMARY KEY); ALTER TABLE plantao.messages ADD CONSTRAINT zz FOREIGN KEY (id) REFERENCES public.zz NOT VALID',
      'DROP TABLE public.zz CASCADE',
    ],
    [
      'a sequence that counts down over the ids in use',
      `INSERT INTO plantao.messages (id, group_id, sender_id, content) SELECT 5000 + n, 1, 1, 'x' FROM generate_series(1, 99) n;
       ALTER TABLE plantao.messages ALTER COLUMN id SET INCREMENT -1;
       SELECT setval('plantao.messages_id_seq', 5099)`,
      'ALTER TABLE plantao.messages ALTER COLUMN id SET INCREMENT 1',
    ],
  ] as const) {
    it(`returns 503 once many posts in a row were refused, none was stored, and the node's own attempt fails: ${what}`, async function () {
      this.timeout(60_000);
      await untilReady();
      const send = () => post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'refused' });
      for (let count = 0; count < 3; count++) await send();
      const repairs = () => nodes.active.entries.filter(({ event }) => event === 'sequence_repaired').length;
      const before = repairs();
      await dba.query(fault);
      try {
        for (let count = 0; count < 15; count++) expect((await send()).body.code).to.equal('database_refused');
        await untilNotReady(nodes.active, 'posts');
        await always('it stays so', async () => (await ask(nodes.active)).status === 503, { forMs: 5000, every: 100 });
        expect(repairs() - before, 'repairs of sequences').to.equal(0);
      } finally {
        await dba.query(undo);
      }
      await untilReady();
      expect((await send()).status).to.equal(200);
    });
  }

  for (const [what, lock] of [
    ['the write fence', 'plantao_mutexes.write_fence IN SHARE MODE'],
    ['the event log', 'plantao_mutexes.event_log IN ACCESS EXCLUSIVE MODE'],
    ['the messages', 'plantao.messages IN SHARE MODE'],
  ] as const) {
    it(`returns 503 without a break while a session holds ${what}, though no more posts come`, async function () {
      this.timeout(60_000);
      await untilReady();
      await dba.query(`BEGIN; LOCK TABLE ${lock}`);
      try {
        const { body } = await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'blocked' });
        expect(body.code).to.equal('blocked');
        await untilNotReady(nodes.active, 'posts');
        // Longer than from one probe to the next.
        await always('it is not ready', async () => (await ask(nodes.active)).status === 503, { forMs: 5000 });
      } finally {
        await dba.query('ROLLBACK');
      }
      await untilReady();
    });
  }

  it('returns 503 with the reason on all nodes while none can be promoted', async function () {
    this.timeout(60_000);
    await untilReady();
    await dba.query('BEGIN; LOCK TABLE plantao.leader_terms IN ACCESS EXCLUSIVE MODE');
    await dba.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'plantao:%:lock' AND datname = current_database()",
    );
    const reasons = await Promise.all(
      [nodes.active, nodes.standby].map(async (node) => (await untilNotReady(node, 'promotion')).reason),
    );
    for (const reason of reasons) expect(reason).to.contain('no node is active');
    const [session] = (await dba.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    const { reason } = await untilNotReady(nodes.standby, 'blocked');
    expect(reason).to.contain('next term').and.contain(`SELECT pg_terminate_backend(${session?.pid})`);
    await dba.query('ROLLBACK');
    await untilReady();
  });

  it('returns 503 for reads too when the event log cannot be read', async function () {
    this.timeout(60_000);
    await untilReady();
    await dba.query('ALTER VIEW plantao.event_feed RENAME TO event_feed_away');
    await untilNotReady(nodes.standby, 'event_log');
    expect((await ask(nodes.standby, '?for=reads')).status).to.equal(503);
    await dba.query('ALTER VIEW plantao.event_feed_away RENAME TO event_feed');
    await untilReady();
  });

  it('refuses an unknown value of its query parameter', async () => {
    expect((await ask(nodes.active, '?for=writes')).status).to.equal(400);
  });
});
