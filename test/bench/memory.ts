/*
 * npm run bench:memory: the memory of a waiting poll in the server, compared with bare node:http and socket.io.
 */
import { startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { roomForSockets } from './common/limits.ts';
import { runPart } from './common/part.ts';
import { makePeople } from './common/people.ts';
import type { BenchProcess } from './common/process.ts';
import type { Contestant } from './common/section.ts';
import { type Memory, parkedAt, startPlantao, startRival, waitersOf } from './common/servers.ts';
import { shown } from './common/table.ts';
import { Load } from './load/load.ts';
import type { ParkSpec, RequestSpec } from './load/requests.ts';

const OWN_GROUP = 'Plantão, one group';
const OWN_USERS = 'Plantão, a thousand users';
const BARE = 'bare node:http';
const SOCKET_IO = 'socket.io';
/** A stricter limit, with the reason why it is not met. */
const AS_SMALL_AS_NODE = {
  limit: 1,
  because:
    'A waiting poll keeps the request and response of Express, a timer and its places in the index of waiters: see the live objects.',
};
const GROUP_POLL: RequestSpec = { method: 'GET', path: '/subscribe/status?groupId=8&timeout=55' };
const USER_POLL: RequestSpec = { method: 'GET', path: '/subscribe/user?user_id={user}&timeout=55' };
const SESSION = '/socket.io/?EIO=4&transport=polling';

await runPart('memory', 'Memory per waiter', async (bench) => {
  const count = roomForSockets(bench.isQuick ? 1000 : 10_000);
  bench.progress.say('starting PostgreSQL and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  // A long lease: on a busy machine a role change would complete the polls.
  const node = () => startPlantao(postgres.url, { LEASE_MS: '20000' });
  const before: RequestSpec[] = [
    { method: 'GET', path: SESSION },
    { method: 'POST', path: `${SESSION}&sid={sid}`, body: '40' },
    { method: 'GET', path: `${SESSION}&sid={sid}` },
  ];
  const kb = { key: 'rss', label: 'resident KB' };
  await bench.section({
    title: `Per waiter, with ${shown(count)} waiters`,
    figures: [kb, { key: 'live', label: 'live objects KB' }],
    contestants: [
      contestant(load, OWN_GROUP, node, waitersOf, { poll: GROUP_POLL, count }),
      contestant(load, OWN_USERS, node, waitersOf, { poll: USER_POLL, count }),
      contestant(load, BARE, () => startRival('bare-polls'), parkedAt, { poll: GROUP_POLL, count }),
      contestant(load, SOCKET_IO, () => startRival('socket-io', { DATABASE_URL: postgres.url }), parkedAt, {
        poll: { method: 'GET', path: `${SESSION}&sid={sid}` },
        before,
        count,
      }),
    ],
    targets: [
      {
        work: 'memory per waiter / bare node:http',
        of: [OWN_GROUP, 'rss'],
        to: [[BARE, 'rss']],
        atMost: 1.5,
        aim: AS_SMALL_AS_NODE,
      },
      { work: 'memory per waiter / socket.io', of: [OWN_GROUP, 'rss'], to: [[SOCKET_IO, 'rss']], atMost: 0.9 },
    ],
    rounds: Math.min(3, bench.rounds),
  });
  bench.remark(load.remark);
});

/** Measures a new server in each round: the heap that one round leaves behind would distort the next. */
function contestant(
  load: Load,
  name: string,
  start: () => Promise<BenchProcess>,
  waiting: (server: BenchProcess) => Promise<number>,
  park: Omit<ParkSpec, 'ports'>,
): Contestant {
  return {
    name,
    async round() {
      const server = await start();
      try {
        // A few polls come and go first, so that code is compiled before the first measurement.
        await hold(load, server, waiting, { ...park, count: 200 });
        await load.close();
        await load.untilSettled(0, () => waiting(server));
        const empty = await server.ask<Memory>('memory');
        await hold(load, server, waiting, park);
        const full = await server.ask<Memory>('memory');
        await load.close();
        const each = (bytes: number) => bytes / park.count / 1024;
        return { rss: each(full.rss - empty.rss), live: each(full.live - empty.live) };
      } finally {
        await server.stop();
      }
    },
  };
}

async function hold(
  load: Load,
  server: BenchProcess,
  waiting: (server: BenchProcess) => Promise<number>,
  park: Omit<ParkSpec, 'ports'>,
): Promise<void> {
  await load.open({ ports: [server.port], ...park });
  await load.park(park.count, () => waiting(server));
}
