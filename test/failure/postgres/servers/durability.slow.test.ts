import { expect } from 'chai';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { untilActive } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';

const REPLICATED = { prefer: 'durable=replicated' };
const DEADLINE_MS = 9000;

describe('The durability of a message', function () {
  this.timeout(90_000);
  let postgres: ReplicatedPostgres;
  let node: LocalNode;

  before(async function () {
    this.timeout(120_000);
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools });
    await seedData(postgres.primary.url);
    node = localNode({ DATABASE_URL: postgres.primary.url, PORT: String(await freePort()), NODE_NAME: 'node-a' });
    await node.start();
    await untilActive(node);
  });
  after(async function () {
    this.timeout(60_000);
    await node?.stop();
    await postgres?.remove();
  });
  afterEach(async () => {
    await postgres.standby.thaw();
    await postgres.setSynchronous(false);
  });

  const send = (content: string, headers: Record<string, string> = {}) =>
    post(`${node.url}/messages`, { userId: 1, groupId: 1, content }, { headers, deadline: DEADLINE_MS });
  const stored = async (content: string) =>
    (await postgres.primary.query('SELECT FROM plantao.messages WHERE content = $1', [content])).length;
  const durability = async () => {
    const [row] = await postgres.primary.query<JsonObject>(
      'SELECT durable, sync_state, lag_events::int, lag_ms::int, messages_at_risk::int FROM plantao.durability',
    );
    return row ?? {};
  };
  const upToDate = () =>
    eventually('the standby has everything', async () => (await durability()).messages_at_risk === 0);
  const waiting = () =>
    eventually('a commit waits for the standby', async () => {
      const sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE '%:writer'";
      return (await postgres.primary.query<{ pid: number }>(sql))[0]?.pid;
    });

  describe('with an asynchronous standby', () => {
    it('is local', async () => {
      const { status, body } = await send('async');
      expect([status, body.durable]).to.deep.equal([200, 'local']);
      const caughtUp = async () => {
        const found = await durability();
        return found.messages_at_risk === 0 && found.lag_events === 0 && found.lag_ms === 0 && found;
      };
      expect(await eventually('the standby has everything', caughtUp)).to.include({
        durable: 'local',
        sync_state: 'async',
      });
    });

    it('is refused with not_replicated, and the message not stored, if replicated is preferred', async () => {
      const { status, body } = await send('wanted', { ...REPLICATED, 'idempotency-key': 'wanted' });
      expect([status, body.code]).to.deep.equal([503, 'not_replicated']);
      expect(await stored('wanted')).to.equal(0);
    });

    it('puts every message at risk that the standby does not have', async () => {
      await upToDate();
      await postgres.standby.freeze();
      for (let count = 0; count < 5; count++) await send(`at risk ${count}`);
      const lag = await durability();
      // The last transaction before may count too: its commit is not known to be on the standby.
      expect(lag.messages_at_risk).to.be.within(5, 6);
      expect(lag.lag_events).to.be.within(5, 6);
      expect(lag.lag_ms).to.be.above(0);
      const { body } = await get(`${node.url}/cluster`);
      const { standbys, ...summary } = body.durability as { standbys: JsonObject[] };
      expect(summary).to.deep.equal({ durable: 'local', messages_at_risk: lag.messages_at_risk });
      expect(standbys).to.have.length(1);
      expect(standbys[0]).to.include({ standby: 'pg2', sync_state: 'async', messages_at_risk: lag.messages_at_risk });
      const [active] = await postgres.primary.query(
        'SELECT durable, messages_at_risk::int FROM plantao.cluster_status WHERE term IS NOT NULL',
      );
      expect(active).to.deep.equal({ durable: 'local', messages_at_risk: lag.messages_at_risk });
      await postgres.standby.thaw();
      await upToDate();
    });

    it('is refused by post_message() in SQL if replicated is required', async () => {
      const sql = "SELECT durability FROM plantao.post_message(1, 1, 'SQL', durable => $1)";
      const refused = await postgres.primary.query(sql, ['replicated']).catch((error) => error.code);
      expect(refused).to.equal('PT005');
      expect(await postgres.primary.query(sql, ['local'])).to.deep.equal([{ durability: 'local' }]);
      expect(await stored('SQL')).to.equal(1);
    });
  });

  describe('with a synchronous standby', () => {
    beforeEach(() => postgres.setSynchronous(true));

    it('is replicated, confirmed by Preference-Applied, and the same for a repeated key', async () => {
      expect((await send('sync')).body.durable).to.equal('replicated');
      const headers = { ...REPLICATED, 'idempotency-key': 'sync' };
      const [first, again] = [await send('sync keyed', headers), await send('sync keyed', headers)];
      for (const { status, body, headers: received } of [first, again]) {
        expect([status, body.durable, body.message_id]).to.deep.equal([200, 'replicated', first.body.message_id]);
        expect(received['preference-applied']).to.equal('durable=replicated');
      }
      expect(await stored('sync keyed')).to.equal(1);
      expect(await durability()).to.include({ durable: 'replicated', sync_state: 'quorum' });
      // The newest one counts while anything after it is on its way, such as the row of a node.
      await eventually('no message is at risk', async () => (await durability())?.messages_at_risk === 0);
      const [row] = await postgres.primary.query(
        "SELECT durability, repeated FROM plantao.post_message(1, 1, 'sync SQL', 'sql', 'replicated')",
      );
      expect(row).to.deep.equal({ durability: 'replicated', repeated: false });
    });

    it('is refused with not_replicated while the standby does not respond, and confirmed for the same key later', async () => {
      await postgres.standby.freeze();
      const headers = { ...REPLICATED, 'idempotency-key': 'frozen' };
      const refused = await send('frozen', headers);
      expect([refused.status, refused.body.code]).to.deep.equal([503, 'not_replicated']);
      expect(refused.ms).to.be.below(6000);
      await postgres.standby.thaw();
      const { body } = await eventually('the same key is confirmed', async () => {
        const response = await send('frozen', headers);
        return response.status === 200 && response;
      });
      expect(body.durable).to.equal('replicated');
      expect(await stored('frozen')).to.equal(1);
    });

    it('is not claimed if the wait is cancelled', async () => {
      await postgres.standby.freeze();
      const [plain, preferred] = [send('cancelled', { 'idempotency-key': 'c1' }), send('cancelled too', REPLICATED)];
      for (const sending of [plain, preferred]) {
        const pid = await waiting();
        await postgres.primary.query('SELECT pg_cancel_backend($1)', [pid]);
        const { status, body } = await sending;
        expect(status).to.equal(503);
        expect(['outcome_unknown', 'not_replicated']).to.include(body.code);
      }
    });
  });
});
