/*
 * npm run bench:fanout: the time until the last of thousands of waiting polls has its response, on one node, on two beside
 * socket.io, and on four; and the rate of messages that a thousand waiters can receive in the long run.
 */
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { roomForSockets } from '../common/limits.ts';
import { type Bench, runPart } from '../common/part.ts';
import { CONTENT, makePeople } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import { profiled, topFrames } from '../common/profile.ts';
import type { Contestant } from '../common/section.ts';
import { parkedAt, startPlantao, startRival, waitersOf, withUsage } from '../common/servers.ts';
import { ruledTable, shown } from '../common/table.ts';
import { Load } from '../load/load.ts';
import type { DeliveryResult, ParkSpec, RequestSpec } from '../load/requests.ts';
import { asManyAsFit } from './as-many-as-fit.ts';

const PLANTAO = 'Plantão';
const BARE = 'bare node:http';
const SOCKET_IO = 'socket.io + Postgres adapter';
const GROUP = 8;
/** The Python project wakes 1,000 polls in 283 ms, without delivering a message. */
const SEED_PER_SECOND = 3.5;
/** Rates to try, in messages per second, until one cannot be sustained. */
const RATES = [25, 50, 100, 200, 400, 800, 1600, 3200];

const POLL: RequestSpec = { method: 'GET', path: `/subscribe/status?groupId=${GROUP}&timeout=55` };
const POST: RequestSpec = { method: 'POST', path: '/messages', body: { userId: 7, groupId: GROUP, content: CONTENT } };
const WAKE: RequestSpec = { method: 'POST', path: '/wake', body: {} };
/** The engine.io protocol: open a session, enter the default namespace, read what arrived meanwhile. */
const SESSION = '/socket.io/?EIO=4&transport=polling';
const JOIN: RequestSpec[] = [
  { method: 'GET', path: SESSION },
  { method: 'POST', path: `${SESSION}&sid={sid}`, body: '40' },
  { method: 'GET', path: `${SESSION}&sid={sid}` },
];
const SOCKET_IO_POLL: RequestSpec = { method: 'GET', path: `${SESSION}&sid={sid}` };

/** Stricter limits, with the reasons why they are not met. */
const AS_QUICK_AS_NODE = {
  limit: 1.2,
  because:
    'Responses go out in slices of 250, so that the event loop is late by about 20 ms: in one slice the ratio was 1.5 instead of 1.7, and the event loop was late by 330 ms.',
};
const QUICKER_THAN_SOCKET_IO = {
  limit: 0.6,
  because: 'As on one node. socket.io sends the same few bytes to each poll, here each has its own request id.',
};
const FIVE_HUNDRED = {
  limit: 500,
  because:
    'Each delivery ends a poll, and the next poll is a request: about 4,000 a second, so that a thousand waiters return every 250 ms.',
};

const LAST = { key: 'last', label: 'last response ms' };
const FIGURES = [LAST, { key: 'half', label: 'half ms' }, { key: 'first', label: 'first ms' }];
const DELAY = { key: 'delay', label: 'event loop late by ms' };

interface Setting {
  bench: Bench;
  load: Load;
  nodes: BenchProcess[];
  url: string;
}

/** One kind of server with waiting polls. */
interface Woken {
  name: string;
  servers: BenchProcess[];
  waiting: (server: BenchProcess) => Promise<number>;
  park: Omit<ParkSpec, 'ports' | 'count'>;
  trigger: RequestSpec;
}

await runPart('fanout', 'Waking waiters', async (bench) => {
  bench.progress.say('starting PostgreSQL, four nodes, the rivals and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  // A long lease: on a busy machine a change of role would end the polls.
  const nodes = [await startPlantao(postgres.url, { NODE_NAME: 'one', LEASE_MS: '20000' })];
  bench.defer(() => Promise.all(nodes.map((node) => node.stop())));
  for (const name of ['two', 'three', 'four']) {
    nodes.push(await startPlantao(postgres.url, { NODE_NAME: name, IS_ACTIVE: 'false', LEASE_MS: '20000' }));
  }
  const setting = { bench, load, nodes, url: postgres.url };

  if (bench.wants('One node')) await oneNode(setting);
  if (bench.wants('Two nodes')) await twoNodes(setting);
  if (bench.wants('More nodes')) await moreNodes(setting);
  if (bench.wants('As many as fit')) await asManyAsFit({ ...setting, poll: POLL, trigger: POST });
  if (bench.wants('Carried')) await carried(setting);
  bench.remark(load.remark);
});

async function oneNode({ bench, load, nodes }: Setting): Promise<void> {
  const count = roomForSockets(bench.isQuick ? 1000 : 10_000);
  const bare = await startRival('bare-polls', { BODY_BYTES: '430' });
  const plantao = ourNodes(PLANTAO, nodes.slice(0, 1));
  const rival = { name: BARE, servers: [bare], waiting: parkedAt, park: { poll: POLL }, trigger: WAKE };
  await bench.section({
    title: `One node, ${shown(count)} polls`,
    figures: [...FIGURES, DELAY],
    contestants: [woken(load, plantao, count), woken(load, rival, count)],
    targets: [
      {
        work: `${shown(count)} polls on one node: last response / bare node:http`,
        of: [PLANTAO, 'last'],
        to: [[BARE, 'last']],
        atMost: 2,
        aim: AS_QUICK_AS_NODE,
      },
    ],
  });
  await bare.stop();
  const [node] = nodes;
  const file = bench.profileFile('wake');
  if (file === null || !node) return;
  await profiled(node, file, () => woken(load, plantao, count).round());
  const frames = await topFrames(file, 25);
  bench.remark(
    ruledTable(
      ['own time, parking and waking', 'share'],
      frames.map(({ name, share }) => [name, `${shown(100 * share)} %`]),
    ),
  );
}

async function twoNodes({ bench, load, nodes, url }: Setting): Promise<void> {
  const count = roomForSockets(bench.isQuick ? 1000 : 5000);
  const servers = [
    await startRival('socket-io', { DATABASE_URL: url }),
    await startRival('socket-io', { DATABASE_URL: url }),
  ];
  const rival = {
    name: SOCKET_IO,
    servers,
    waiting: parkedAt,
    park: { before: JOIN, poll: SOCKET_IO_POLL },
    trigger: WAKE,
  };
  await bench.section({
    title: `Two nodes, ${shown(count)} polls`,
    figures: FIGURES,
    contestants: [woken(load, ourNodes(PLANTAO, nodes.slice(0, 2)), count), woken(load, rival, count)],
    targets: [
      {
        work: `${shown(count)} polls over two nodes: last response / socket.io + Postgres adapter`,
        of: [PLANTAO, 'last'],
        to: [[SOCKET_IO, 'last']],
        atMost: 1.4,
        aim: QUICKER_THAN_SOCKET_IO,
      },
    ],
  });
  await Promise.all(servers.map((server) => server.stop()));
}

async function moreNodes({ bench, load, nodes }: Setting): Promise<void> {
  const count = roomForSockets(bench.isQuick ? 1000 : 10_000);
  await bench.section({
    title: `More nodes, ${shown(count)} polls`,
    figures: FIGURES,
    contestants: [1, 2, 4].map((some) =>
      woken(load, ourNodes(`${some} ${some === 1 ? 'node' : 'nodes'}`, nodes.slice(0, some)), count),
    ),
    rounds: Math.min(3, bench.rounds),
  });
}

/** Returns true if each message arrived once, and no later at the end than at the beginning. */
function isHeld({ missing, doubled, lagFirst, lagLast }: DeliveryResult): boolean {
  return missing === 0 && doubled === 0 && lagLast <= 1.3 * lagFirst + 25;
}

async function carried({ bench, load, nodes }: Setting): Promise<void> {
  const waiters = 1000;
  const [node] = nodes;
  if (!node) return;
  const contestants: Contestant[] = [];
  const pollPath = `/subscribe/status?groupId=${GROUP}&timeout=25`;
  const to = { ports: [node.port], waiters, pollPath, postPort: node.port, post: { userId: 7, groupId: GROUP } };
  const forMs = bench.isQuick ? 2000 : 9000;
  // The first run compiles the code, and its lag would count as one that grows.
  await load.deliveryLoad({ ...to, rate: RATES[0] ?? 1, forMs: forMs / 2 });
  let highest = 0;
  for (const rate of bench.isQuick ? RATES.slice(0, 2) : RATES) {
    bench.progress.say(`${rate} messages a second to ${waiters} waiters`);
    let result = await load.deliveryLoad({ ...to, rate, forMs });
    // One pause of a busy machine looks like a growing lag; a rate that is too high does so every time.
    if (!isHeld(result)) result = await load.deliveryLoad({ ...to, rate, forMs });
    const holds = isHeld(result);
    contestants.push({
      name: `${rate} a second: ${holds ? 'holds' : 'lag grows'}`,
      round: async () => ({ ...result }),
    });
    if (!holds) break;
    highest = rate;
  }
  contestants.push({ name: 'most that held', round: async () => ({ rate: highest }) });
  await bench.section({
    title: `Carried to ${shown(waiters)} waiters`,
    figures: [
      { key: 'deliveredPerSecond', label: 'deliveries a second' },
      { key: 'lagFirst', label: 'lag, first third ms' },
      { key: 'lagLast', label: 'lag, last third ms' },
      { key: 'lagP99', label: 'p99 ms' },
      { key: 'missing', label: 'missing' },
      { key: 'doubled', label: 'doubled' },
      { key: 'rate', label: 'messages a second' },
    ],
    contestants,
    targets: [
      {
        work: `messages a second to ${shown(waiters)} waiters, against ten times that of the Python project that this one replaces`,
        of: ['most that held', 'rate'],
        atLeast: 10 * SEED_PER_SECOND,
        aim: FIVE_HUNDRED,
      },
    ],
    rounds: 1,
  });
}

function ourNodes(name: string, servers: BenchProcess[]): Woken {
  return { name, servers, waiting: waitersOf, park: { poll: POLL }, trigger: POST };
}

/** Starts waiting polls, spread over the servers, and wakes all of them through the first server. */
function woken(load: Load, { name, servers, waiting, park, trigger }: Woken, count: number): Contestant {
  const ports = servers.map((server) => server.port);
  const sum = async () => (await Promise.all(servers.map(waiting))).reduce((all, one) => all + one, 0);
  return {
    name,
    async round() {
      const [first] = servers;
      if (!first) return null;
      await load.open({ ports, count, ...park });
      // The first two wake-ups compile the code; the third is measured.
      for (let warmUps = 0; warmUps < 2; warmUps++) {
        await load.park(count, sum);
        await load.wake({ port: first.port, trigger });
      }
      await load.park(count, sum);
      const [result, usage] = await withUsage(first, () => load.wake({ port: first.port, trigger }));
      await load.close();
      return {
        last: result.last,
        half: result.half,
        first: result.first,
        delay: usage.loopDelay.max,
      };
    },
  };
}
