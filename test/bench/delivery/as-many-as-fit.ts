import { migrate } from '../../../src/database/migrator.ts';
import { roomForSockets } from '../common/limits.ts';
import type { Bench } from '../common/part.ts';
import { makePeople, sql } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import { startPlantao, waitersOf, withUsage } from '../common/servers.ts';
import { shown } from '../common/table.ts';
import type { Load } from '../load/load.ts';
import type { RequestSpec } from '../load/requests.ts';

/** Options of {@link asManyAsFit}. */
export interface LargestWakeUp {
  bench: Bench;
  load: Load;
  /** URL of the database server. */
  url: string;
  poll: RequestSpec;
  trigger: RequestSpec;
}

const WAKE_UPS = 3;

/**
 * Measures the largest possible number of polls on a node with the default lease: they arrive at once, are woken at once,
 * and arrive again. The node must keep its role throughout, however busy its event loop is.
 */
export async function asManyAsFit({ bench, load, url, poll, trigger }: LargestWakeUp): Promise<void> {
  const count = roomForSockets(bench.isQuick ? 2000 : 19_500);
  const own = Object.assign(new URL(url), { pathname: '/largest' }).toString();
  await sql(url, 'CREATE DATABASE largest');
  await migrate(own);
  await makePeople(own);
  const node = await startPlantao(own);
  bench.defer(() => node.stop());
  const term = await figure(node, 'plantao_term');
  const checked = new RoleCheck(node);
  await bench.section({
    title: `As many as fit, ${shown(count)} polls`,
    figures: [
      { key: 'last', label: 'last response ms' },
      { key: 'half', label: 'half ms' },
      { key: 'first', label: 'first ms' },
      { key: 'delay', label: 'event loop delay ms' },
      { key: 'heartbeat', label: 'heartbeat delay ms' },
    ],
    contestants: [{ name: 'Plantão', round: () => round(count) }],
    rounds: Math.min(3, bench.rounds),
    targets: [
      {
        work: `${shown(count)} polls arrive and are woken: the worst heartbeat, ms`,
        of: ['Plantão', 'heartbeat'],
        atMost: 500,
      },
    ],
  });
  await checked.end();
  if ((await figure(node, 'plantao_term')) !== term) throw new Error('the node lost its role and became active again');
  bench.remark('the node kept its role and its term throughout, checked by GET /primary every 10 ms');

  async function round(polls: number): Promise<Record<string, number>> {
    // A connection that has carried a request may stay idle for longer than a new one.
    const before: RequestSpec[] = [{ method: 'GET', path: '/liveness' }];
    await load.open({ ports: [node.port], count: polls, before, poll });
    const [results, usage] = await withUsage(node, async () => {
      const woken = [];
      for (let wakeUps = 0; wakeUps < WAKE_UPS; wakeUps++) {
        await load.park(polls, () => waitersOf(node));
        woken.push(await load.wake({ port: node.port, trigger }));
      }
      return woken;
    });
    await load.close();
    const last = results.at(-1);
    if (!last) throw new Error('no poll was woken');
    const heartbeat = 1000 * (await figure(node, 'plantao_lease_renewal_delay_max_seconds'));
    const delay = Math.max(usage.loopDelay.max, ...checked.delays());
    return { last: last.last, half: last.half, first: last.first, delay, heartbeat };
  }
}

/** Polls whether a node is active, and measures how long the responses take. */
class RoleCheck {
  readonly #node: BenchProcess;
  #delays: number[] = [];
  #isEnded = false;
  readonly #polling: Promise<void>;

  constructor(node: BenchProcess) {
    this.#node = node;
    this.#polling = this.#poll();
    this.#polling.catch(() => undefined);
  }

  /** Returns the response times since the last call. */
  delays(): number[] {
    return this.#delays.splice(0);
  }

  /** Stops polling. @throws if the node was not active at any time. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#polling;
  }

  async #poll(): Promise<void> {
    while (!this.#isEnded) {
      const at = performance.now();
      const response = await fetch(`http://127.0.0.1:${this.#node.port}/primary`);
      if (response.status !== 200)
        throw new Error(`the node lost its role: ${await response.text()}\n${this.#node.output}`);
      this.#delays.push(performance.now() - at);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function figure(node: BenchProcess, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}
