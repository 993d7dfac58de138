/*
 * npm run bench:rivals: Plantão beside two servers that people would run instead: ejabberd with rooms and their archive in
 * PostgreSQL, and nchan, the pub/sub module of nginx. Each is started for its round and stopped after it. Installs nothing: it
 * says which Debian packages are missing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { roomForSockets } from './common/limits.ts';
import { type Bench, runPart } from './common/part.ts';
import { makePeople } from './common/people.ts';
import { proportionalKb } from './common/process-cost.ts';
import type { Contestant, Target } from './common/section.ts';
import { shown } from './common/table.ts';
import { Load } from './load/load.ts';
import { prepareEjabberd } from './rivals/ejabberd.ts';
import { startNchan } from './rivals/nchan.ts';
import { startPlantaoRival } from './rivals/plantao.ts';
import { findRivals } from './rivals/programs.ts';
import { type RunningRival, SENDERS } from './rivals/rival.ts';

const PLANTAO = 'Plantão';
const EJABBERD = 'ejabberd, archive in PostgreSQL';
const NCHAN = 'INSERT, then nchan';
const NCHAN_ALONE = 'nchan, in memory: not durable';
/** Above 0.9 the load generator, and not the server, may be what is measured. */
const BUSY = { key: 'busy', label: 'clients busy' };
const EQUAL = { atLeast: 1, atMost: 1 };
const RECEIVERS = 5000;
/** Wake-ups before the one that is measured, so that code is compiled. */
const WARM_UPS = 4;
/** Memory that a login or a first poll needs is free again after this time. */
const SETTLE_MS = 3000;

/** A server that can be started. */
interface Rival {
  name: string;
  /** The least acceptable ratio of Plantão's messages a second to its own. */
  atLeast: number;
  /** The highest acceptable ratio of Plantão's times and memory to its own. */
  atMost: number;
  start: () => Promise<RunningRival>;
}

await runPart('rivals', 'Other chat servers', async (bench) => {
  const { ejabberd, nchan, remark } = await findRivals();
  bench.remark(remark);
  bench.progress.say('starting PostgreSQL and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  const receivers = roomForSockets(bench.isQuick ? 500 : RECEIVERS);

  const durable: Rival[] = [{ name: PLANTAO, ...EQUAL, start: () => startPlantaoRival(load, postgres.url) }];
  const alone: Rival[] = [];
  if (ejabberd) {
    durable.push({ name: EJABBERD, ...EQUAL, start: await prepareEjabberd(ejabberd, postgres.url, receivers) });
  }
  if (nchan) {
    const start = (databaseUrl: string | null) => () => startNchan({ load, programs: nchan, databaseUrl });
    // Its part that holds connections is written in C, and without a database it writes nothing to a disk.
    durable.push({ name: NCHAN, atLeast: 1, atMost: 4, start: start(postgres.url) });
    alone.push({ name: NCHAN_ALONE, atLeast: 0.01, atMost: 2, start: start(null) });
  }

  if (bench.wants(`${SENDERS} senders`)) await senders(bench, [...durable, ...alone]);
  if (bench.wants('receivers')) await receiversOfOneGroup(bench, durable, receivers);
});

/** Compares a figure of Plantão with that of each rival. */
function ratios(work: string, figure: string, rivals: readonly Rival[], limit: 'atLeast' | 'atMost'): Target[] {
  return rivals
    .filter(({ name }) => name !== PLANTAO)
    .map((rival) => ({
      work: `${work}: ${PLANTAO} / ${rival.name}`,
      of: [PLANTAO, figure],
      to: [[rival.name, figure]],
      [limit]: rival[limit],
    }));
}

/** Returns a contestant that starts a server for each round. */
function measured(
  { name, start }: Rival,
  work: (running: RunningRival) => Promise<Record<string, number>>,
): Contestant {
  return {
    name,
    async round() {
      const running = await start();
      try {
        return await work(running);
      } finally {
        await running.stop();
      }
    },
  };
}

async function senders(bench: Bench, rivals: readonly Rival[]): Promise<void> {
  const times = bench.isQuick ? { warmupMs: 1000, forMs: 1000 } : { warmupMs: 3000, forMs: 5000 };
  await bench.section({
    title: `${SENDERS} senders`,
    figures: [
      { key: 'perSecond', label: 'messages a second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      BUSY,
    ],
    contestants: rivals.map((rival) =>
      measured(rival, async (running) => {
        const { perSecond, latency, busy } = await running.post(times);
        return { perSecond, p50: latency.p50, p99: latency.p99, busy };
      }),
    ),
    targets: ratios('messages a second', 'perSecond', rivals, 'atLeast'),
  });
}

async function receiversOfOneGroup(bench: Bench, rivals: readonly Rival[], count: number): Promise<void> {
  await bench.section({
    title: `${shown(count)} receivers of one group`,
    figures: [
      { key: 'last', label: 'last receiver ms' },
      { key: 'half', label: 'half ms' },
      { key: 'first', label: 'first ms' },
      { key: 'memory', label: 'memory per connection KB' },
      BUSY,
    ],
    contestants: rivals.map((rival) =>
      measured(rival, async (running) => {
        // A few receivers come and go first, so that code is compiled before memory is measured.
        await running.open(200);
        await running.wake();
        await running.close();
        const empty = await proportionalKb(await running.pids());
        await running.open(count);
        await sleep(SETTLE_MS);
        const full = await proportionalKb(await running.pids());
        for (let warmUps = 0; warmUps < WARM_UPS; warmUps++) await running.wake();
        const { last, half, first, busy } = await running.wake();
        await running.close();
        return { last, half, first, busy, memory: (full - empty) / count };
      }),
    ),
    targets: [
      ...ratios(`last of ${shown(count)} receivers`, 'last', rivals, 'atMost'),
      ...ratios('memory per connection', 'memory', rivals, 'atMost'),
    ],
  });
}
