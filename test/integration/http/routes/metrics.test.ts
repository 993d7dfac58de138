import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const read = (name: string) => readFileSync(new URL(`../../../../.ops/${name}`, import.meta.url), 'utf8');

/** The names of metrics in expressions of PromQL. */
const metricsIn = (text: string) => new Set(text.match(/\b(?:plantao|nodejs|process)_[a-z0-9_]+/g));

type Samples = Record<string, number>;

async function samplesOf({ url }: { url: string }): Promise<Samples> {
  const { text } = await get(`${url}/metrics`);
  return Object.fromEntries(
    [...text.matchAll(/^([a-z_]+(?:\{.*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
}

describe('GET /metrics', () => {
  const nodes = useTwoNodes({ LEASE_MS: '4000', MAX_WAITERS: '500' });
  const increaseOf = async (node: { url: string }, name: string, action: () => Promise<unknown>): Promise<number> => {
    const before = (await samplesOf(node))[name] ?? 0;
    await action();
    return ((await samplesOf(node))[name] ?? 0) - before;
  };
  const send = (body: object, headers = {}) => post(`${nodes.active.url}/messages`, body, { headers });
  const message = { userId: 1, groupId: 1, content: 'counted' };

  it('counts posts by their outcome, with every outcome of the node itself present from the start', async () => {
    for (const outcome of ['blocked', 'not_replicated'])
      expect(await samplesOf(nodes.active)).to.include({ [`plantao_posts_total{outcome="${outcome}"}`]: 0 });
    const key = { 'Idempotency-Key': 'metrics-1' };
    expect(await increaseOf(nodes.active, 'plantao_posts_total{outcome="stored"}', () => send(message, key))).to.equal(
      1,
    );
    const repeated = 'plantao_posts_total{outcome="repeated"}';
    expect(await increaseOf(nodes.active, repeated, () => send(message, key))).to.equal(1);
    const stranger = 'plantao_posts_total{outcome="user_not_found"}';
    expect(await increaseOf(nodes.active, stranger, () => send({ ...message, userId: 99_999 }))).to.equal(1);
  });

  it('counts error responses by their code, on the node that sent them', async () => {
    const refused = () => post(`${nodes.standby.url}/messages`, message);
    expect(await increaseOf(nodes.standby, 'plantao_errors_total{code="not_active"}', refused)).to.equal(1);
    const unknown = () => get(`${nodes.active.url}/no-such-route`);
    expect(await increaseOf(nodes.active, 'plantao_errors_total{code="not_found"}', unknown)).to.equal(1);
  });

  it('shows how long commits take, how many posts they store, and how long events take to a waiter of another node', async () => {
    const before = await Promise.all([samplesOf(nodes.active), samplesOf(nodes.standby)]);
    const poll = get(`${nodes.standby.url}/subscribe/user?user_id=1&timeout=20`, { deadline: 30_000 });
    await eventually('the poll waits', async () => (await samplesOf(nodes.standby)).plantao_waiters === 1);
    await send(message);
    expect((await poll).status).to.equal(200);
    const after = await Promise.all([samplesOf(nodes.active), samplesOf(nodes.standby)]);
    const grown = (at: 0 | 1, name: string) => (after[at][name] ?? 0) - (before[at][name] ?? 0);
    expect(grown(0, 'plantao_commit_duration_seconds_count')).to.equal(1);
    expect(grown(0, 'plantao_commit_duration_seconds_sum')).to.be.within(1e-5, 10);
    expect(grown(0, 'plantao_commit_posts_sum')).to.equal(1);
    expect(grown(1, 'plantao_delivery_delay_seconds_count')).to.equal(1);
    expect(grown(1, 'plantao_wake_up_duration_seconds_count')).to.equal(1);
    expect(grown(1, 'plantao_commit_duration_seconds_count')).to.equal(0);
  });

  it('shows the lease of the active node, and none on the standby', async () => {
    const [active, standby] = await Promise.all([samplesOf(nodes.active), samplesOf(nodes.standby)]);
    expect(active.plantao_lease_seconds).to.equal(4);
    expect(active.plantao_lease_remaining_seconds).to.be.within(0.01, 3.6);
    expect(standby.plantao_lease_remaining_seconds).to.equal(0);
  });

  it('shows what each node knows about the cluster, the database and its clients', async () => {
    for (const node of [nodes.active, nodes.standby]) {
      const samples = await samplesOf(node);
      const expected = { plantao_active_known: 1, plantao_peers_alive: 1, plantao_listening: 1, plantao_streams: 0 };
      expect(samples).to.include({ ...expected, plantao_standby_waits: 0, plantao_pool_waiting_requests: 0 });
      expect(samples.plantao_poll_slots_limit).to.equal(500);
      expect(samples.plantao_log_read_age_seconds).to.be.within(0, 10);
      expect(samples.plantao_pool_connections).to.be.greaterThan(0);
      expect(Object.keys(samples).filter((name) => name.startsWith('plantao_condition'))).to.deep.equal([]);
    }
  });

  it('has every metric that the alert rules and the dashboard of .ops use', async () => {
    const { text } = await get(`${nodes.active.url}/metrics`);
    const exposed = new Set<string>();
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      exposed.add(name);
      if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) exposed.add(name + suffix);
    }
    for (const file of ['prometheus-alerts.yml', 'prometheus-alerts.test.yml', 'grafana-dashboard.json']) {
      const used = metricsIn(read(file));
      expect(used.size, `metrics in ${file}`).to.be.greaterThan(5);
      expect(
        [...used].filter((name) => !exposed.has(name)),
        file,
      ).to.deep.equal([]);
    }
  });

  it('passes promtool check metrics', async function () {
    const { text } = await get(`${nodes.active.url}/metrics`);
    const { error, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (error) {
      console.log('        promtool is missing: install the Debian package prometheus to check the metrics');
      return this.skip();
    }
    expect(`${stdout}${stderr}`).to.equal('');
  });
});

describe('GET /metrics after a failover', () => {
  const nodes = useTwoNodes();

  it('counts the promotion by its reason, without addresses', async () => {
    const before = await samplesOf(nodes.standby);
    expect(Object.keys(before).filter((name) => name.startsWith('plantao_promotions_total'))).to.deep.equal([]);
    await post(`${nodes.active.url}/fall`);
    await eventually('the standby is active', async () => (await samplesOf(nodes.standby)).plantao_active === 1);
    const after = Object.entries(await samplesOf(nodes.standby)).filter(([name]) => name.includes('promotions'));
    expect(after).to.have.length(1);
    const [[name = '', count] = []] = after;
    expect(count).to.equal(1);
    expect(name).to.not.match(/http|localhost/);
    expect(await samplesOf(nodes.active)).to.include({ plantao_alive: 0, plantao_lease_remaining_seconds: 0 });
  });
});
