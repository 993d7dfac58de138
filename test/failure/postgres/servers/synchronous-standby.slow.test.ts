import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, type HttpResponse, type JsonObject, post } from '../../../support/network/http.ts';
import { untilActive } from '../../../support/nodes/health.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const RESPONSE_TIMEOUT_MS = 9000;
/** One for each session that a node keeps, and some that are about to end. */
const MAX_WAITING = 4;

describe('A synchronous standby that is down', () => {
  const nodes = useTwoNodes({ LEASE_MS: '1000' }, { server: {} });
  const dba = nodes.sql;
  beforeEach(() => setSynchronousStandbys('ghost'));
  afterEach(() => setSynchronousStandbys(''));

  const setSynchronousStandbys = async (standbys: string) => {
    await dba.query(`ALTER SYSTEM SET synchronous_standby_names = '${standbys}'`);
    await dba.query('SELECT pg_reload_conf()');
    await eventually('the setting is in force', async () => {
      const { rows } = await dba.query("SELECT current_setting('synchronous_standby_names') AS names");
      return rows[0]?.names === standbys;
    });
  };
  const waiting = async (condition = 'true') => {
    const { rows } = await dba.query(`SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND ${condition}`);
    return rows.map(({ pid }) => Number(pid));
  };
  const send = (content: string, key?: string, deadline = RESPONSE_TIMEOUT_MS) =>
    post(
      `${nodes.active.url}/messages`,
      { userId: 1, groupId: 1, content },
      { ...(key ? { headers: { 'idempotency-key': key } } : {}), deadline },
    );
  const stored = async (content: string) => {
    const { rows } = await dba.query('SELECT count(*)::int AS many FROM plantao.messages WHERE content = $1', [
      content,
    ]);
    return rows[0]?.many;
  };
  const expectWaitReported = ({ status, body, text }: HttpResponse<JsonObject>) => {
    expect(status, text).to.equal(503);
    expect(body.code).to.equal('outcome_unknown');
    expect(body.error).to.contain('waits for a synchronous standby');
  };
  const roleChanges = () =>
    [...nodes.active.entries, ...nodes.standby.entries].filter(({ event }) => /^(promoted|demoted)$/.test(event ?? ''));

  it('is reported to senders, does not cost the active node its role, and leaves one message for each key', async function () {
    this.timeout(60_000);
    const before = roleChanges().length;
    for (const round of [1, 2]) {
      const responses = await Promise.all([send('with key', 'ghost'), send(`without ${round}`)]);
      responses.forEach(expectWaitReported);
      expect(await waiting()).to.have.length.below(MAX_WAITING + 1);
    }
    const readiness = await get(`${nodes.active.url}/readiness`);
    expect(readiness.status).to.equal(503);
    expect(JSON.stringify(readiness.body.conditions)).to.contain('waits for a synchronous standby');
    expect((await get(`${nodes.active.url}/readiness?for=reads`)).status).to.equal(200);
    expect((await get(`${nodes.standby.url}/readiness`)).status).to.equal(200);
    expect(roleChanges()).to.have.length(before);
    expect((await get(`${nodes.active.url}/health`)).body).to.include({ active: true });
    await setSynchronousStandbys('');
    const again = await eventually('the same key is accepted', async () => {
      const response = await send('with key', 'ghost');
      return response.status === 200 && response;
    });
    expect(again.status).to.equal(200);
    expect(await stored('with key')).to.equal(1);
    expect((await get(`${nodes.active.url}/readiness`)).status).to.equal(200);
  });

  it('is reported to clients that change a group, sign in or notify', async function () {
    this.timeout(60_000);
    const { url } = nodes.active;
    const calls: [path: string, body: JsonObject][] = [
      ['/create-chat', { groupName: 'ghosts', creatorId: 1, members: [] }],
      ['/login', { username: 'ghost' }],
      ['/notify/ghosts', {}],
    ];
    // One after another: each that appends to the event log holds it while it waits.
    for (const [path, body] of calls)
      expectWaitReported(await post(`${url}${path}`, body, { deadline: RESPONSE_TIMEOUT_MS }));
    expect(await waiting()).to.have.length.below(MAX_WAITING + 1);
  });

  it('leads to no 200 when a DBA cancels the wait', async function () {
    this.timeout(60_000);
    const sending = send('cancelled');
    const [pid] = await eventually('the commit waits', async () => {
      const pids = await waiting();
      return pids.length > 0 && pids;
    });
    await dba.query('SELECT pg_cancel_backend($1)', [pid]);
    const response = await sending;
    expectWaitReported(response);
    expect(response.ms).to.be.below(2900);
    const changing = post(`${nodes.active.url}/notify/ghosts`, {}, { deadline: RESPONSE_TIMEOUT_MS });
    const [other] = await eventually('the change waits', async () => {
      const pids = await waiting();
      return pids.length > 0 && pids;
    });
    await dba.query('SELECT pg_cancel_backend($1)', [other]);
    expectWaitReported(await changing);
  });

  it('prevents neither promotions nor heartbeat rows', async function () {
    this.timeout(60_000);
    await dba.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually('a node is active again', async () => {
      const healths = await Promise.all([nodes.active, nodes.standby].map(({ url }) => get(`${url}/health`)));
      return healths.some(({ body }) => body.active === true);
    });
    await eventually('the rows are fresh', async () => {
      const { rows } = await dba.query('SELECT max(heartbeat_age_ms)::int AS age FROM plantao.cluster_status');
      return rows[0]?.age < 2000;
    });
    // The writer probes whether posts are stored again; such a commit waits too.
    expect(await waiting("application_name NOT LIKE 'plantao:%:writer'")).to.deep.equal([]);
    // The other tests write to node-a.
    await dba.query("SELECT plantao.switchover('node-a')");
    await untilActive(nodes.active);
  });
});
