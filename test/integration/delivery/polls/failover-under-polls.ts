import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { waitersOf } from '../../../support/network/metrics.ts';
import { type NodeProcess, startCluster } from '../../../support/nodes/node-process.ts';
import { startPostgresOfItsOwn } from '../../../support/postgres/own-postgres.ts';

/** A statement and how often it ran, by pg_stat_statements. */
export interface Statement {
  query: string;
  calls: number;
}

/** The cost of a failover under waiting polls for the database. */
export interface FailoverCost {
  waiters: number;
  statements: Statement[];
  /** Time from the kill until all polls wait on the other node, which is then active. */
  backMs: number;
  /** Polls that did not receive the message that was sent to their group after that. */
  unheard: number;
}

const GROUP_SIZE = 10;
/** Clients reconnect at random times within this, as EventSource and our own client do. */
const SPREAD_MS = 500;
const WITHIN_MS = 120_000;

/** A client that polls its node, and moves to the other when the first fails. */
class HerdMember {
  readonly #userId: number;
  #cursor: string;
  heard = false;
  #stopped = false;

  constructor(userId: number, cursor: string) {
    this.#userId = userId;
    this.#cursor = cursor;
  }

  async run(first: string, then: string, agent: http.Agent): Promise<void> {
    for (let url = first; !this.#stopped; ) {
      try {
        await this.#poll(url, agent);
      } catch {
        if (this.#stopped) return;
        await sleep(Math.random() * SPREAD_MS);
        url = then;
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #poll(url: string, agent: http.Agent): Promise<void> {
    const path = `/subscribe/user?user_id=${this.#userId}&timeout=55&cursor=${this.#cursor}`;
    return new Promise((resolve, reject) => {
      const request = http.get(url + path, { agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('error', reject);
        response.once('end', () => {
          const { statusCode: status, headers } = response;
          if (status === 200) this.#take(JSON.parse(text));
          else if (status === 204) this.#cursor = String(headers.cursor);
          else return reject(new Error(`${status}`));
          return resolve();
        });
      });
      request.once('error', reject);
    });
  }

  #take({ cursor, events }: { cursor: string; events: unknown[] }): void {
    this.#cursor = cursor;
    this.heard ||= events.length > 0;
  }
}

/** Lets a number of polls wait on the active node, kills it with SIGKILL, and counts the other node's statements. */
export async function failOverUnderPolls(waiters: number): Promise<FailoverCost> {
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'shared_preload_libraries=pg_stat_statements'] });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const herd: HerdMember[] = [];
  let running: Promise<void>[] = [];
  let cluster: Awaited<ReturnType<typeof startCluster>> | null = null;
  try {
    await makeHerd(client, waiters);
    cluster = await startCluster({ databaseUrl: postgres.url, env: { LEASE_MS: '6000' } });
    const [active, standby] = cluster.nodes as [NodeProcess, NodeProcess];
    await eventually('the first is active', async () => (await get(`${active.url}/primary`)).status === 200, {
      within: 20_000,
    });
    const { body } = await get<{ cursor: string }>(`${active.url}/messages?groupId=1`);
    for (let id = 1; id <= waiters; id++) herd.push(new HerdMember(id, body.cursor));
    running = herd.map((member) => member.run(active.url, standby.url, agent));
    await eventually('all wait', async () => (await waitersOf(active.url)) === waiters, {
      within: WITHIN_MS,
      every: 100,
    });

    await client.query('SELECT pg_stat_statements_reset()');
    const killedAt = performance.now();
    active.kill('SIGKILL');
    await eventually(
      'all wait on the other node, which is active',
      async () => (await get(`${standby.url}/primary`)).status === 200 && (await waitersOf(standby.url)) === waiters,
      { within: WITHIN_MS, every: 50 },
    );
    const backMs = performance.now() - killedAt;
    const statements = await readStatements(client);

    for (let groupId = 1; groupId <= Math.ceil(waiters / GROUP_SIZE); groupId++) {
      await post(`${standby.url}/messages`, { userId: groupId * GROUP_SIZE, groupId, content: 'after the failover' });
    }
    await eventually('all have received the message', () => herd.every(({ heard }) => heard), { within: 30_000 }).catch(
      () => null,
    );
    return { waiters, statements, backMs, unheard: herd.filter(({ heard }) => !heard).length };
  } finally {
    for (const member of herd) member.stop();
    agent.destroy();
    await Promise.all(running);
    await cluster?.stop();
    await client.end();
    await postgres.remove();
  }
}

async function makeHerd(client: pg.Client, waiters: number): Promise<void> {
  await client.query('CREATE EXTENSION pg_stat_statements');
  const count = Math.ceil(waiters / GROUP_SIZE) * GROUP_SIZE;
  await client.query("INSERT INTO plantao.users (username) SELECT 'u' || n FROM generate_series(1, $1::int) n", [
    count,
  ]);
  await client.query("INSERT INTO plantao.groups (name) SELECT 'g' || n FROM generate_series(1, $1::int) n", [
    count / GROUP_SIZE,
  ]);
  await client.query(
    'INSERT INTO plantao.memberships (group_id, user_id) SELECT 1 + (n - 1) / $2::int, n FROM generate_series(1, $1::int) n',
    [count, GROUP_SIZE],
  );
}

async function readStatements(client: pg.Client): Promise<Statement[]> {
  const { rows } = await client.query<Statement>(
    `SELECT regexp_replace(query, '\\s+', ' ', 'g') AS query, calls FROM pg_stat_statements
     WHERE toplevel AND query NOT LIKE '%pg_stat_statements%'
       AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY calls DESC`,
  );
  return rows;
}

/** Returns the number of statements for the polls themselves: memberships, and pages before the tail in memory. */
export function statementsOfPolls(statements: readonly Statement[]): { memberships: number; catchUp: number } {
  const calls = (mark: string) =>
    statements.filter(({ query }) => query.includes(mark)).reduce((sum, one) => sum + one.calls, 0);
  return { memberships: calls('FROM plantao.log_bounds b, plantao.users u'), catchUp: calls('groups_before') };
}
