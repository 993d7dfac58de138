/*
 * npm run bench:presence: the cost of presence for each connected, idle user. As many polls as fit wait on two nodes,
 * each of another user, with PRESENCE on and off.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { roomForSockets } from '../common/limits.ts';
import { type Bench, runPart } from '../common/part.ts';
import { sql } from '../common/people.ts';
import { cpuMs } from '../common/process-cost.ts';
import type { Contestant } from '../common/section.ts';
import { startPlantao, waitersOf, withUsage } from '../common/servers.ts';
import { shown } from '../common/table.ts';
import { Load } from '../load/load.ts';

const ON = 'PRESENCE=on';
const OFF = 'PRESENCE=off';
const MEMBERS = 100;

interface Setting {
  bench: Bench;
  load: Load;
  url: string;
  count: number;
}

await runPart('presence', 'Presence of idle users', async (bench) => {
  const count = roomForSockets(bench.isQuick ? 1000 : 10_000);
  bench.progress.say('starting PostgreSQL and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makeUsers(postgres.url, count);
  const load = await Load.start();
  bench.defer(() => load.stop());
  const setting = { bench, load, url: postgres.url, count };
  await bench.section({
    title: `For each of ${shown(count)} idle users, in a minute`,
    figures: [
      { key: 'node', label: 'CPU of the nodes ms' },
      { key: 'postgres', label: 'CPU of PostgreSQL ms' },
      { key: 'bytes', label: 'bytes of NOTIFY' },
      { key: 'notifications', label: 'notifications, all users' },
    ],
    contestants: [idle(setting, ON), idle(setting, OFF)],
    rounds: Math.min(3, bench.rounds),
  });
  bench.remark(load.remark);
});

/** Creates users 1 to `count`, each in one group of {@link MEMBERS}. */
async function makeUsers(url: string, count: number): Promise<void> {
  await sql(
    url,
    `INSERT INTO plantao.users (username) SELECT 'user-' || n FROM generate_series(1, ${count}) n;
     INSERT INTO plantao.groups (name) SELECT 'group-' || n FROM generate_series(1, ${Math.ceil(count / MEMBERS)}) n;
     INSERT INTO plantao.memberships (group_id, user_id) SELECT 1 + (n - 1) / ${MEMBERS}, n FROM generate_series(1, ${count}) n;
     ANALYZE`,
  );
}

function idle({ bench, load, url, count }: Setting, name: string): Contestant {
  return {
    name,
    async round() {
      // A long lease: on a busy machine a change of role would complete the polls.
      const env = { LEASE_MS: '20000', PRESENCE: name === ON ? 'on' : 'off' };
      const one = await startPlantao(url, { ...env, NODE_NAME: 'one' });
      const second = startPlantao(url, { ...env, NODE_NAME: 'two', IS_ACTIVE: 'false' });
      const two = await second.catch(async (error) => {
        await one.stop();
        throw error;
      });
      try {
        const waiting = async () => (await waitersOf(one)) + (await waitersOf(two));
        const poll = { method: 'GET', path: '/subscribe/user?user_id={waiter}&timeout=55' };
        await load.open({ ports: [one.port, two.port], count, poll, repeats: true });
        await load.park(count, waiting);
        // Until every node has announced all its users to the others.
        await sleep(bench.isQuick ? 3000 : 15_000);
        const minutes = bench.isQuick ? 0.1 : 1;
        const measure = () => listenFor(url, minutes * 60_000);
        const [[heard, ofTwo], ofOne] = await withUsage(one, () => withUsage(two, measure));
        const perUser = (sum: number) => sum / count / minutes;
        await load.close();
        return {
          node: perUser((ofOne.cpu + ofTwo.cpu) * minutes * 60_000),
          postgres: perUser(heard.cpuMs),
          bytes: perUser(heard.bytes),
          notifications: heard.count / minutes,
        };
      } finally {
        for (const node of [two, one]) await node.stop();
      }
    },
  };
}

/** Counts the signals of all nodes for some time, and the CPU time of the nodes' sessions. */
async function listenFor(url: string, forMs: number): Promise<{ bytes: number; count: number; cpuMs: number }> {
  const listener = new pg.Client(url);
  await listener.connect();
  try {
    const heard = { bytes: 0, count: 0 };
    listener.on('notification', ({ payload = '' }) => {
      heard.bytes += Buffer.byteLength(payload);
      heard.count += 1;
    });
    await listener.query('LISTEN plantao_signals');
    const { rows } = await listener.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'plantao:%'",
    );
    const pids = rows.map(({ pid }) => pid);
    const before = await cpuMs(pids);
    await sleep(forMs);
    return { ...heard, cpuMs: (await cpuMs(pids)) - before };
  } finally {
    await listener.end();
  }
}
