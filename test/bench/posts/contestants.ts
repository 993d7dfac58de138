import pg from 'pg';
import type { Bench } from '../common/part.ts';
import { CONTENT, posts } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import type { Contestant } from '../common/section.ts';
import { withUsage } from '../common/servers.ts';
import { median } from '../common/statistics.ts';
import type { Load } from '../load/load.ts';
import type { DriveSpec, RequestSpec } from '../load/requests.ts';
import type { Pgbench } from '../rivals/pgbench.ts';

/** The context of the sections of bench:posts. */
export interface Context {
  bench: Bench;
  load: Load;
  /** URL of the database that the node and pgbench write to. */
  url: string;
  node: BenchProcess;
  echo: BenchProcess;
  /** Null if it is not installed. */
  pgbench: Pgbench | null;
}

export const CLIENTS = 64;
export const PLANTAO = 'Plantão, POST /messages';
export const ECHO = 'Express, parse and echo';
export const INSERT = 'pgbench, INSERT';
export const NOTIFY = 'pgbench, INSERT + NOTIFY';
export const BARE = 'bare pg, the same statement';

const WARMUP_MS = 2000;
const FOR_MS = 5000;

/** Returns `ms`, or a quarter of it in a quick run. */
export function scaledMs(bench: Bench, ms: number): number {
  return bench.isQuick ? ms / 4 : ms;
}

/** Returns the load: posts to a server, each connection sending its next post after a response. */
export function drive(bench: Bench, server: BenchProcess, connections: number, requests = posts()): DriveSpec {
  const [warmupMs, forMs] = [scaledMs(bench, WARMUP_MS), scaledMs(bench, FOR_MS)];
  return { ports: [server.port], connections, requests, warmupMs, forMs };
}

/** A server that receives posts on a number of connections, each sending its next post after a response. */
export function postsTo(
  { bench, load }: Context,
  name: string,
  server: BenchProcess,
  connections: number,
  requests?: RequestSpec[],
): Contestant {
  return {
    name,
    async round() {
      const [result, usage] = await withUsage(server, () => load.drive(drive(bench, server, connections, requests)));
      if (Object.keys(result.refused).length > 0) throw new Error(`${name}: refused ${JSON.stringify(result.refused)}`);
      return {
        perSecond: result.perSecond,
        p50: result.latency.p50,
        p99: result.latency.p99,
        cpu: usage.cpu,
        each: (usage.cpu * 1e6) / result.perSecond,
      };
    },
  };
}

/** pgbench that inserts one message per transaction. */
export function pgbenchInserts({ bench, pgbench }: Context, name: string, clients: number): Contestant {
  return {
    name,
    async round() {
      if (!pgbench) return null;
      const seconds = Math.max(2, Math.round(scaledMs(bench, FOR_MS) / 1000));
      const { perSecond, meanMs } = await pgbench.run({ notify: name === NOTIFY, clients, seconds });
      return { perSecond, p50: meanMs };
    },
  };
}

/** The statement that a node sends, from one client that waits for each result. */
export function bareStatement({ bench, url }: Context): Contestant {
  const round = async () => {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query('SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL');
    const statement = {
      name: 'post_messages',
      text: 'SELECT * FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])',
      values: [rows[0]?.term, false, [7], [8], [CONTENT], [null]],
    };
    const times: number[] = [];
    const from = performance.now() + scaledMs(bench, WARMUP_MS);
    const until = from + scaledMs(bench, FOR_MS);
    for (let at = performance.now(); at < until; ) {
      await client.query(statement);
      const now = performance.now();
      if (at >= from) times.push(now - at);
      at = now;
    }
    await client.end();
    times.sort((one, other) => one - other);
    const p50 = median(times);
    return { p50, p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN, perSecond: 1000 / p50 };
  };
  return { name: BARE, round };
}
