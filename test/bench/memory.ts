/*
 * npm run bench:memory: what a parked poll takes in the server, against bare node:http and against socket.io.
 */
import { startPostgresOfItsOwn } from '../support/own-postgres.ts';
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
const GROUP_POLL: RequestSpec = { method: 'GET', path: '/subscribe/status?groupId=8&timeout=55' };
const USER_POLL: RequestSpec = { method: 'GET', path: '/subscribe/user?user_id={user}&timeout=55' };
const SESSION = '/socket.io/?EIO=4&transport=polling';

await runPart('memory', 'Memory a waiter', async (bench) => {
  const count = roomForSockets(bench.isQuick ? 1000 : 10_000);
  bench.progress.say('starting PostgreSQL and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  // A long lease: on a busy machine a change of the node's state would answer the polls.
  const node = () => startPlantao(postgres.url, { LEASE_MS: '20000' });
  const before: RequestSpec[] = [
    { method: 'GET', path: SESSION },
    { method: 'POST', path: `${SESSION}&sid={sid}`, body: '40' },
    { method: 'GET', path: `${SESSION}&sid={sid}` },
  ];
  const kb = { key: 'rss', label: 'resident KB' };
  await bench.section({
    title: `A waiter of ${shown(count)}`,
    figures: [kb, { key: 'live', label: 'live objects KB' }],
    contestants: [
      holding(load, OWN_GROUP, node, waitersOf, { poll: GROUP_POLL, count }),
      holding(load, OWN_USERS, node, waitersOf, { poll: USER_POLL, count }),
      holding(load, BARE, () => startRival('bare-polls'), parkedAt, { poll: GROUP_POLL, count }),
      holding(load, SOCKET_IO, () => startRival('socket-io', { DATABASE_URL: postgres.url }), parkedAt, {
        poll: { method: 'GET', path: `${SESSION}&sid={sid}` },
        before,
        count,
      }),
    ],
    targets: [
      { work: 'memory a waiter / bare node:http', of: [OWN_GROUP, 'rss'], to: [[BARE, 'rss']], atMost: 1.5 },
      { work: 'memory a waiter / socket.io', of: [OWN_GROUP, 'rss'], to: [[SOCKET_IO, 'rss']], atMost: 0.6 },
    ],
    rounds: Math.min(3, bench.rounds),
  });
  bench.remark(load.remark);
});

/** A fresh server each time: what one round leaves in the heap would be given to the next. */
function holding(
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
        // A few come and go first, so that the code and its feedback are there before the first look.
        await hold(load, server, waiting, { ...park, count: 200 });
        await load.close();
        await load.settled(0, () => waiting(server));
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
