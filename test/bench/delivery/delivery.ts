/*
 * npm run bench:delivery: the time from the response to a post on the active node to the response of a poll on the standby,
 * with a thousand waiters; and the cost of catching up from far behind, for that client and for the others.
 */

import { eventually } from '../../support/eventually.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Bench, runPart } from '../common/part.ts';
import { sql } from '../common/people.ts';
import { BenchProcess } from '../common/process.ts';
import { cursorOf, startPlantao } from '../common/servers.ts';
import { shown } from '../common/table.ts';
import type { DeliveryResult, DeliverySpec } from './reader-process.ts';

const WAITERS = 1000;
const RATE = 500;
const BEHIND = 10_000;

interface Context {
  bench: Bench;
  url: string;
  active: BenchProcess;
  standby: BenchProcess;
  readers: BenchProcess;
}

await runPart('delivery', 'Delivery', async (bench) => {
  bench.progress.say('starting PostgreSQL, two nodes and the clients');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=100'] });
  bench.defer(() => postgres.remove());
  // A long lease: on a busy machine a role change would complete the polls.
  const env = { LEASE_MS: '20000' };
  const active = await startPlantao(postgres.url, { ...env, NODE_NAME: 'active' });
  bench.defer(() => active.stop());
  const standby = await startPlantao(postgres.url, { ...env, NODE_NAME: 'standby', IS_ACTIVE: 'false' });
  bench.defer(() => standby.stop());
  const readers = await BenchProcess.start({ program: 'test/bench/delivery/reader-process.ts', readyWhen: /ready/ });
  bench.defer(() => readers.stop());
  const setting = { bench, url: postgres.url, active, standby, readers };
  if (bench.wants('From post to poll')) await measureDelivery(setting);
  if (bench.wants('Catching up')) await measureCatchUp(setting);
});

/** Puts users 1 to {@link WAITERS} into consecutive groups of `size`, and removes all other memberships. */
async function createGroups(url: string, size: number): Promise<void> {
  await sql(
    url,
    `DELETE FROM plantao.memberships;
     INSERT INTO plantao.users (id, username) SELECT n, 'u' || n FROM generate_series(1, ${WAITERS}) n ON CONFLICT DO NOTHING;
     INSERT INTO plantao.groups (id, name) SELECT n, 'g' || n FROM generate_series(1, ${WAITERS}) n ON CONFLICT DO NOTHING;
     INSERT INTO plantao.memberships (group_id, user_id)
       SELECT 1 + (n - 1) / ${size}, n FROM generate_series(1, ${WAITERS}) n;
     ANALYZE`,
  );
}

async function measureDelivery({ bench, url, active, standby, readers }: Context): Promise<void> {
  const name = (size: number) => `${RATE} per second, each to ${size === 1 ? 'one waiter' : `${size} waiters`}`;
  const figures = [
    { key: 'p50', label: 'p50 ms' },
    { key: 'p95', label: 'p95 ms' },
    { key: 'p99', label: 'p99 ms' },
    { key: 'postP50', label: 'the post itself, p50 ms' },
    { key: 'perSecond', label: 'deliveries per second' },
    { key: 'missing', label: 'missing' },
    { key: 'duplicates', label: 'duplicates' },
    { key: 'busy', label: 'clients busy' },
  ];
  await bench.section({
    title: `From post to poll on the other node, ${shown(WAITERS)} waiters`,
    figures,
    contestants: [1, 2, 5].map((groupSize) => ({
      name: name(groupSize),
      async round() {
        await createGroups(url, groupSize);
        const spec: DeliverySpec = {
          ...{ postPort: active.port, waitPorts: [standby.port], waiters: WAITERS, groupSize, rate: RATE },
          warmUpMs: 3000,
          forMs: bench.isQuick ? 2000 : 10_000,
          cursor: await cursorOf(standby),
        };
        return { ...(await readers.ask<DeliveryResult>('measure', spec)) };
      },
    })),
    targets: [
      { work: `${name(2)}: p50, ms`, of: [name(2), 'p50'], atMost: 5 },
      { work: `${name(2)}: p99, ms`, of: [name(2), 'p99'], atMost: 25 },
    ],
    rounds: Math.min(3, bench.rounds),
  });
  bench.remark('Negative: the waiter received the message before the sender received its response.');
}

async function measureCatchUp({ bench, url, active, standby, readers }: Context): Promise<void> {
  const figures = [
    { key: 'all', label: 'to the head ms' },
    { key: 'page', label: 'page p50 ms' },
    { key: 'slowest', label: 'slowest page ms' },
    { key: 'pages', label: 'pages' },
    { key: 'kilobytes', label: 'largest page kB' },
    { key: 'othersP99', label: 'others meanwhile, p99 ms' },
  ];
  const round = async (further: number) => {
    await createGroups(url, 2);
    const cursor = await cursorOf(standby);
    await sql(
      url,
      `INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT 1, 1, 'behind ' || n FROM generate_series(1, ${BEHIND + further}) n`,
    );
    const others: DeliverySpec = {
      ...{
        postPort: active.port,
        waitPorts: [standby.port],
        waiters: 200,
        groupSize: 2,
        rate: 100,
        warmUpMs: 0,
        forMs: 4000,
      },
      cursor: await cursorOf(standby),
    };
    const meanwhile = await BenchProcess.start({
      program: 'test/bench/delivery/reader-process.ts',
      readyWhen: /ready/,
    });
    try {
      const measured = meanwhile.ask<DeliveryResult>('measure', { ...others });
      await eventually('the others receive messages', async () => (await cursorOf(standby)) !== others.cursor, {
        within: 30_000,
      });
      const spec = { port: standby.port, cursor, events: BEHIND + further };
      const own = await readers.ask<Record<string, number>>('catchUp', spec);
      return { ...own, othersP99: (await measured).p99 };
    } finally {
      await meanwhile.stop();
    }
  };
  await bench.section({
    title: `Catching up, ${shown(BEHIND)} events behind and more`,
    figures,
    contestants: [
      { name: `${shown(BEHIND)} events, from the node’s memory`, round: () => round(0) },
      { name: `${shown(3 * BEHIND)} events, mostly from the database`, round: () => round(2 * BEHIND) },
    ],
    rounds: Math.min(3, bench.rounds),
  });
}
