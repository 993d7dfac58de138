/*
 * npm run bench:log: how fast a node reads a bulk INSERT of messages that no client waits for, beside a bare SELECT of the same
 * events, and how late a message arrives in a group that a client waits for, posted right after the INSERT. `--rows N` changes its size.
 */
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { runPart } from '../common/part.ts';
import { GROUPS, makePeople, sql, USERS } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import { startPlantao } from '../common/servers.ts';
import { shown } from '../common/table.ts';

const ROWS = 200_000;
/** Rows per query of the bare SELECT. */
const SELECT_PAGE = 10_000;
/** Not among the groups of the INSERT. */
const WAITED_GROUP = GROUPS + 1;
const PATIENCE = { within: 120_000, every: 5 };
const EVENTS = 'events per second';
const NODE = 'a node without waiters';
const SELECT = 'bare SELECT';
const QUIET = 'no INSERT before';
const AFTER = 'right after the INSERT';

await runPart('log-reading', 'Reading the log', async (bench) => {
  const count = bench.size('rows') ?? (bench.isQuick ? 20_000 : ROWS);
  bench.progress.say('starting PostgreSQL and a node');
  const postgres = await startPostgresOfItsOwn();
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  await sql(postgres.url, `INSERT INTO plantao.groups (id, name) VALUES (${WAITED_GROUP}, 'waited')`);
  const node = await startPlantao(postgres.url, { LEASE_MS: '20000' });
  bench.defer(() => node.stop());
  const client = new pg.Client(postgres.url);
  await client.connect();
  bench.defer(() => client.end());

  const insert = () =>
    client.query(
      `INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT 1 + n % ${GROUPS}, 1 + n % ${USERS}, repeat('x', 100) FROM generate_series(1, $1::int) n`,
      [count],
    );
  const headOf = async () => Number((await client.query('SELECT plantao.log_head() AS head')).rows[0].head);
  const caughtUp = async () => {
    const head = await headOf();
    await eventually('the node has read the log', async () => (await positionOf(node)) >= head, PATIENCE);
    return head;
  };

  await bench.section({
    title: `Reading ${shown(count)} messages`,
    figures: [{ key: 'perSecond', label: EVENTS }],
    contestants: [
      {
        name: NODE,
        async round() {
          await caughtUp();
          await insert();
          const startedAt = performance.now();
          await caughtUp();
          return { perSecond: (count / (performance.now() - startedAt)) * 1000 };
        },
      },
      {
        name: SELECT,
        async round() {
          if ((await headOf()) < count) await insert();
          const head = await caughtUp();
          const startedAt = performance.now();
          for (let at = head - count; at < head; at += SELECT_PAGE) {
            await client.query({
              text: `SELECT * FROM plantao.event_feed WHERE position > $1 ORDER BY position LIMIT ${SELECT_PAGE}`,
              values: [at],
              rowMode: 'array',
            });
          }
          return { perSecond: (count / (performance.now() - startedAt)) * 1000 };
        },
      },
    ],
    targets: [{ work: 'events per second without waiters', of: [NODE, 'perSecond'], atLeast: 50_000 }],
  });
  await bench.section({
    title: 'From post to poll in a group that a client waits for',
    figures: [{ key: 'ms', label: 'ms' }],
    contestants: [
      { name: QUIET, round: async () => ({ ms: await postToPoll(node, caughtUp) }) },
      { name: AFTER, round: async () => ({ ms: await postToPoll(node, caughtUp, insert) }) },
    ],
    targets: [{ work: `from post to poll ${AFTER}, ms`, of: [AFTER, 'ms'], atMost: 2000 }],
  });
});

/** Returns the milliseconds from the end of `before` to the response to a poll that waits for a message posted then. */
async function postToPoll(
  node: BenchProcess,
  caughtUp: () => Promise<number>,
  before: () => Promise<unknown> = async () => {},
): Promise<number> {
  await caughtUp();
  const address = `http://127.0.0.1:${node.port}`;
  const poll = fetch(`${address}/subscribe/status?groupId=${WAITED_GROUP}&timeout=55`);
  await eventually('one client waits', async () => (await metric(node, 'plantao_waiters')) === 1, PATIENCE);
  await before();
  const startedAt = performance.now();
  const posted = await fetch(`${address}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ userId: 1, groupId: WAITED_GROUP, content: 'news' }),
  });
  if (posted.status !== 200) throw new Error(`the post got ${posted.status}: ${await posted.text()}`);
  const response = await poll;
  const took = performance.now() - startedAt;
  const { events } = (await response.json()) as { events: unknown[] };
  if (events.length !== 1) throw new Error(`the poll got ${response.status} with ${events.length} events`);
  return took;
}

async function metric(node: BenchProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

function positionOf(node: BenchProcess): Promise<number> {
  return metric(node, 'plantao_log_position');
}
