/*
 * npm run bench:retention: what a step of retention costs with a hundred thousand and with ten million events in the log.
 * `--rows N` makes the large one smaller where time or disk (3 GB) are short.
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate } from '../../src/database/migrator.ts';
import { startPostgresOfItsOwn } from '../support/own-postgres.ts';
import { type Bench, runPart } from './common/part.ts';
import { sql } from './common/people.ts';
import type { Contestant } from './common/section.ts';
import { median } from './common/statistics.ts';
import { shown } from './common/table.ts';

const SMALL = 100_000;
const LARGE = 10_000_000;
/** As src/events/retention.ts removes them. */
const EVENTS_A_STEP = 1000;
const STEPS_A_ROUND = 10;
const TERM = 1;

await runPart('retention', 'Retention', async (bench) => {
  const { values } = parseArgs({ options: { rows: { type: 'string' } }, strict: false });
  const large = Number(values.rows ?? (bench.isQuick ? 1_000_000 : LARGE));
  bench.progress.say('starting PostgreSQL');
  const postgres = await startPostgresOfItsOwn();
  bench.defer(() => postgres.remove());
  const name = (rows: number) => `${shown(rows)} events`;
  const contestants: Contestant[] = [];
  for (const rows of [SMALL, large]) contestants.push(await oldLog(bench, postgres.url, rows, name(rows)));
  await bench.section({
    title: `A step of retention: the oldest ${shown(EVENTS_A_STEP)} of`,
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'most', label: 'most ms' },
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

/** A log of so many events, all of them older than is kept; each round removes some of them. */
async function oldLog(bench: Bench, serverUrl: string, rows: number, name: string): Promise<Contestant> {
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
      for (let step = 0; step < STEPS_A_ROUND; step++) {
        const begun = performance.now();
        const { rows: answer } = await client.query<{ removed: number }>(
          "SELECT plantao.remove_old_events($1, interval '1 hour', 1000000000, $2) AS removed",
          [TERM, EVENTS_A_STEP],
        );
        took.push(performance.now() - begun);
        if (answer[0]?.removed !== EVENTS_A_STEP) throw new Error(`a step removed ${answer[0]?.removed} events`);
      }
      return { p50: median(took), most: Math.max(...took) };
    },
  };
}
