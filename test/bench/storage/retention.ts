/*
 * npm run bench:retention: the cost of a step of retention with a hundred thousand and with ten million events in the log.
 * `--rows N` reduces the large log if time or disk space (3 GB) is short.
 */
import pg from 'pg';
import { migrate } from '../../../src/database/migrator.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Bench, runPart } from '../common/part.ts';
import { sql } from '../common/people.ts';
import type { Contestant } from '../common/section.ts';
import { median } from '../common/statistics.ts';
import { shown } from '../common/table.ts';

const SMALL = 100_000;
const LARGE = 10_000_000;
/** The same number as in src/events/retention.ts. */
const EVENTS_PER_STEP = 1000;
const STEPS_PER_ROUND = 10;
const TERM = 1;

await runPart('retention', 'Retention', async (bench) => {
  const large = bench.size('rows') ?? (bench.isQuick ? 1_000_000 : LARGE);
  bench.progress.say('starting PostgreSQL');
  const postgres = await startPostgresOfItsOwn();
  bench.defer(() => postgres.remove());
  const name = (rows: number) => `${shown(rows)} events`;
  const contestants: Contestant[] = [];
  for (const rows of [SMALL, large]) contestants.push(await expiredLog(bench, postgres.url, rows, name(rows)));
  await bench.section({
    title: `A step of retention: the oldest ${shown(EVENTS_PER_STEP)} of`,
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'max', label: 'max ms' },
    ],
    contestants,
    targets: [
      {
        work: `a step with ${name(large)} / with ${name(SMALL)}`,
        of: [name(large), 'p50'],
        to: [[name(SMALL), 'p50']],
        atMost: 1.5,
      },
    ],
    rounds: Math.min(5, bench.rounds),
  });
});

/** A log of `rows` events, all of them expired; each round removes some of them. */
async function expiredLog(bench: Bench, serverUrl: string, rows: number, name: string): Promise<Contestant> {
  bench.progress.say(`storing ${name}`);
  const database = `log_${rows}`;
  await sql(serverUrl, `CREATE DATABASE ${database}`);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${database}` }).toString();
  await migrate(url);
  await sql(
    url,
    `INSERT INTO plantao.events (position, kind, group_id, message_id, at)
       SELECT n, 'message', 1 + n % 100, n, clock_timestamp() - interval '1 year' FROM generate_series(1, ${rows}) n;
     INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (${TERM}, 'bench', '-', 1, 'bench')`,
  );
  await sql(url, 'VACUUM ANALYZE plantao.events');
  const client = new pg.Client(url);
  await client.connect();
  bench.defer(() => client.end());
  return {
    name,
    async round() {
      const took: number[] = [];
      for (let step = 0; step < STEPS_PER_ROUND; step++) {
        const startedAt = performance.now();
        const { rows: result } = await client.query<{ removed: number }>(
          "SELECT plantao.remove_old_events($1, interval '1 hour', 1000000000, 1000000000000, $2) AS removed",
          [TERM, EVENTS_PER_STEP],
        );
        took.push(performance.now() - startedAt);
        if (result[0]?.removed !== EVENTS_PER_STEP) throw new Error(`a step removed ${result[0]?.removed} events`);
      }
      return { p50: median(took), max: Math.max(...took) };
    },
  };
}
