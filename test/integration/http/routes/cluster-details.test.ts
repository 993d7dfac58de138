import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface Activity {
  step_ms: number;
  nodes: {
    node: string;
    posts_per_second: (number | null)[];
    waiters: (number | null)[];
    commit_ms: (number | null)[];
  }[];
}

describe('The data of the cluster page:', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes();
  const dba = nodes.sql;

  const known = (numbers: (number | null)[] = []) => numbers.filter((one) => one !== null);

  it('GET /cluster/activity of each node has the posts, waiters and commit times of all nodes', async () => {
    const parked = get(`${nodes.standby.url}/subscribe/status?groupId=1&timeout=50`);
    for (const { url } of [nodes.active, nodes.standby]) {
      await eventually(
        'the figures of both nodes are there',
        async () => {
          await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'um número' });
          const waiting = get(`${nodes.standby.url}/subscribe/status?groupId=1&timeout=2`);
          const { body } = await get<Activity>(`${url}/cluster/activity`);
          await waiting;
          const [active, standby] = body.nodes;
          return (
            body.step_ms === 2000 &&
            known(active?.posts_per_second).some((rate) => rate > 0) &&
            known(active?.commit_ms).some((ms) => ms > 0) &&
            known(standby?.waiters).some((count) => count > 0) &&
            known(standby?.posts_per_second).every((rate) => rate === 0)
          );
        },
        { within: 20_000 },
      );
    }
    await parked;
  });

  it('plantao.cluster_status and GET /cluster have the load of each node in the last second', async () => {
    await eventually('the posts of the active node are counted', async () => {
      await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content: 'mais um' });
      const { rows } = await dba.query(
        "SELECT posts_per_second > 0 AND commit_ms > 0 AS counted FROM plantao.cluster_status WHERE node = 'node-a'",
      );
      const { body } = await get<{ nodes: { posts_per_second: number; commit_ms: number | null }[] }>(
        `${nodes.standby.url}/cluster`,
      );
      return rows[0]?.counted === true && typeof body.nodes[0]?.posts_per_second === 'number';
    });
  });

  it('GET /cluster/timeline has the terms with the gaps between them, and the time of the response', async () => {
    const { body } = await get<{ now: string; terms: Record<string, unknown>[] }>(
      `${nodes.standby.url}/cluster/timeline`,
    );
    expect(body.now).to.match(TIME);
    expect(body.terms[0]).to.include({ node: 'node-a', ended_at: null, end_cause: null });
  });

  it('GET /cluster/timeline leaves out what ended more than 24 hours ago, and has at most 300 terms', async () => {
    await dba.query(`
      INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason, started_at, ended_at, epoch)
      SELECT 1000 + n, 'node-x', 'http://x', 1, 'test', clock_timestamp() - (401 - n) * interval '10 minutes',
             clock_timestamp() - (400.5 - n) * interval '10 minutes', 1 FROM generate_series(1, 399) n`);
    try {
      const terms = await eventually('the cached terms have been replaced', async () => {
        const { body } = await get<{ terms: { term: number; gap_ms: number }[] }>(
          `${nodes.active.url}/cluster/timeline`,
        );
        return body.terms.length > 100 && body.terms;
      });
      expect(terms.length).to.be.within(140, 300);
      expect(terms[0]).to.include({ term: 1399 });
      expect(terms[5]?.gap_ms).to.be.within(299_000, 301_000);
    } finally {
      await dba.query('DELETE FROM plantao.leader_terms WHERE term > 1000');
    }
  });

  it('GET /cluster/blocking names the session that blocks, and the statement that ends it', async () => {
    expect((await get(`${nodes.active.url}/cluster/blocking`)).body).to.deep.equal({ blocking: [] });
    const holder = new pg.Client({ connectionString: nodes.database.url, application_name: 'a report' });
    // The test ends its session.
    holder.on('error', () => {});
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE plantao.messages IN SHARE MODE');
    const blocker = await eventually('the session is named', async () => {
      const { body } = await get<{ blocking: Record<string, unknown>[] }>(`${nodes.standby.url}/cluster/blocking`);
      return body.blocking[0];
    });
    expect(blocker).to.include({ blocks: 'table messages', application: 'a report', state: 'idle in transaction' });
    expect(blocker.open_ms).to.be.a('number');
    await dba.query(String(blocker.ended_by));
    await eventually('nothing blocks', async () => {
      const { body } = await get<{ blocking: unknown[] }>(`${nodes.standby.url}/cluster/blocking`);
      return body.blocking.length === 0;
    });
  });
});
