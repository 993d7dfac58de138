import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

interface Poll {
  events: { kind: string; message?: { content: string }; payload?: unknown }[];
}

describe("A DBA's SQL in psql", () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;
  const sql = client.rows;

  const poll = (url: string, query: string) => get<Poll>(`${url}/subscribe/${query}`, { deadline: 15_000 });
  /** The cursor of now, from which nothing can be missed. */
  const now = async () => (await get(`${nodes.active.url}/chats?userId=1`)).body.cursor;

  it('delivers INSERT INTO plantao.messages to the long polls of both nodes', async () => {
    const cursor = await now();
    const polls = [nodes.active, nodes.standby].map(({ url }) => poll(url, `user?user_id=2&cursor=${cursor}`));
    await sql("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'do psql')");
    for (const { body } of await Promise.all(polls)) {
      expect(body.events.map(({ message }) => message?.content)).to.deep.equal(['do psql']);
    }
  });

  it('delivers a transaction as a whole at its commit, and nothing of a rollback', async () => {
    const cursor = await now();
    const insert = "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'não')";
    await sql('BEGIN');
    await sql(insert);
    await sql('ROLLBACK');
    await sql('BEGIN');
    await sql("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'um'), (1, 1, 'dois')");
    const early = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}&timeout=0.2`);
    expect(early.status).to.equal(204);
    await sql('COMMIT');
    const { body } = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}`);
    expect(body.events.map(({ message }) => message?.content)).to.deep.equal(['um', 'dois']);
  });

  it('delivers DELETE and changes of memberships', async () => {
    const cursor = await now();
    await sql("DELETE FROM plantao.messages WHERE content = 'dois'");
    await sql('DELETE FROM plantao.memberships WHERE user_id = 2 AND group_id = 1');
    await sql('INSERT INTO plantao.memberships (group_id, user_id) VALUES (1, 2)');
    const kinds = await eventually('all events have arrived', async () => {
      const { body } = await poll(nodes.standby.url, `user?user_id=2&cursor=${cursor}`);
      return body.events.length === 3 && body.events.map(({ kind }) => kind);
    });
    expect(kinds).to.deep.equal(['message_deleted', 'left', 'joined']);
  });

  it('wakes the polls on a name, or all, with plantao.notify_group()', async () => {
    for (const [name, kind] of [
      ['Grupo Geral', 'notification'],
      ['tópico', 'notification'],
      ['all', 'broadcast'],
    ] as const) {
      const query = `status?group=${encodeURIComponent(name)}&cursor=${await now()}`;
      const polls = [nodes.active, nodes.standby].map(({ url }) => poll(url, query));
      await sql('SELECT plantao.notify_group($1, $2)', [name, { note: 'às 3' }]);
      for (const { body } of await Promise.all(polls)) {
        expect(body.events).to.have.length(1);
        expect(body.events[0]).to.deep.include({ kind, payload: { note: 'às 3' } });
      }
    }
  });

  const untilActive = async (name: string) =>
    eventually(`${name} is active, and the other is ready to take over`, async () => {
      const rows = await sql('SELECT node, role FROM plantao.cluster_status');
      return rows.every(({ node, role }) => role === (node === name ? 'active' : 'standby'));
    });
  /** Resolves when both nodes have written their rows once more. */
  const rowsWritten = async () => {
    const [since] = await sql<{ at: Date }>('SELECT clock_timestamp() AS at');
    await eventually('both have written their rows', async () => {
      return (await sql('SELECT FROM plantao.nodes WHERE heartbeat_at > $1', [since?.at])).length === 2;
    });
  };
  const openTerm = async () =>
    (await sql<{ term: number }>('SELECT term::int FROM plantao.leader_history WHERE ended_at IS NULL'))[0]?.term ?? 0;

  it('plantao.switchover() hands over to the named standby or to any, and returns a sentence', async () => {
    const ask = async (target: string | null) =>
      (await sql<{ said: string }>('SELECT plantao.switchover($1) AS said', [target]))[0]?.said;
    await untilActive('node-a');
    expect(await ask('node-z')).to.equal('refused: node-z is not a running standby: see plantao.cluster_status');
    expect(await ask('node-b')).to.equal('asked node-a to hand over to node-b');
    await untilActive('node-b');
    const [last] = await sql("SELECT end_reason, handed_to FROM plantao.leader_history WHERE node = 'node-a'");
    expect(last).to.deep.equal({ end_reason: 'switchover requested in SQL', handed_to: 'node-b' });
    expect(await ask(null)).to.equal('asked node-b to hand over to any standby');
    await untilActive('node-a');
  });

  it('a NOTIFY alone, which every role can send, has no effect', async () => {
    await untilActive('node-a');
    const term = await openTerm();
    for (const to of [null, 'node-b']) {
      await sql('SELECT pg_notify($1, $2)', ['plantao_cluster', JSON.stringify({ kind: 'switchover', to })]);
    }
    await rowsWritten();
    expect(await openTerm()).to.equal(term);
  });

  it('requests a switchover that is handled even if its NOTIFY is lost, and ignored if its term has ended', async () => {
    await untilActive('node-a');
    const term = await openTerm();
    const ask = 'INSERT INTO plantao.switchover_requests (term, hand_to) VALUES ($1, $2)';
    await sql(ask, [term - 1, 'node-b']);
    await sql('SELECT pg_notify($1, $2)', ['plantao_cluster', '{"kind": "switchover"}']);
    await rowsWritten();
    expect(await openTerm()).to.equal(term);
    await sql(ask, [term, 'node-b']);
    await untilActive('node-b');
    expect(await openTerm()).to.equal(term + 1);
    await sql('SELECT plantao.switchover()');
    await untilActive('node-a');
    expect(await sql('TABLE plantao.switchover_requests')).to.deep.equal([]);
  });

  it('pg_terminate_backend(pid) of plantao.lock_holder forces a failover', async () => {
    const before = await sql<{ term: number }>('SELECT max(term)::int AS term FROM plantao.leader_terms');
    await sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually('another term has begun', async () => {
      const [row] = await sql('SELECT term::int FROM plantao.leader_history WHERE ended_at IS NULL');
      return row?.term === (before[0]?.term ?? 0) + 1;
    });
    expect(await sql('SELECT application_name FROM plantao.lock_holder')).to.have.length(1);
  });
});
