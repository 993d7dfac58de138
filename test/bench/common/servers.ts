import { eventually } from '../../support/eventually.ts';
import { BenchProcess } from './process.ts';

/** The resources that a server used during a measurement. */
export interface Usage {
  /** CPU usage; 1 is one core. */
  cpu: number;
  /** Utilisation of the event loop, from 0 to 1. */
  busy: number;
  /** Delay of the event loop, in milliseconds. */
  loopDelay: { p99: number; max: number };
}

/** The memory of a process in bytes, after garbage collection. */
export interface Memory {
  /** Resident set size. */
  rss: number;
  /** Live objects and buffers. */
  live: number;
}

const ACTIVE_TIMEOUT_MS = 20_000;
/** `--expose-gc` costs nothing and allows measuring memory without garbage. */
const FLAGS = ['--expose-gc'];

/** Starts a node of Plantão as an operator would, and waits until it is active. */
export async function startPlantao(databaseUrl: string, env: Record<string, string> = {}): Promise<BenchProcess> {
  const node = await BenchProcess.start({
    program: 'src/main.ts',
    flags: FLAGS,
    env: { DATABASE_URL: databaseUrl, PORT: '0', LOG_FORMAT: 'json', PLANTAO_NO_DOTENV: '1', ...env },
    readyWhen: /"event":"listening".*"url":"http:\/\/localhost:(\d+)"/,
  });
  if (env.IS_ACTIVE === 'false') return node;
  const isActive = async () => (await fetch(`http://127.0.0.1:${node.port}/primary`)).status === 200;
  await eventually('the node is active', isActive, { within: ACTIVE_TIMEOUT_MS, every: 50 }).catch((cause) => {
    throw new Error(`no node is active:\n${node.output}`, { cause });
  });
  return node;
}

/** Starts a program of `rivals/`. */
export function startRival(name: string, env: Record<string, string> = {}): Promise<BenchProcess> {
  return BenchProcess.start({ program: `test/bench/rivals/${name}.ts`, flags: FLAGS, env });
}

/** Returns the number of waiting polls of a Plantão node. */
export async function waitersOf(node: Pick<BenchProcess, 'port'>): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
  return Number(/^plantao_waiters(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

/** Returns the cursor of the newest event, at which a poll of a Plantão node begins to wait. */
export async function cursorOf(node: BenchProcess): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${node.port}/messages?groupId=1`);
  return ((await response.json()) as { cursor: string }).cursor;
}

/** Returns the number of waiting polls of a rival. */
export async function parkedAt(rival: BenchProcess): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${rival.port}/count`)).text());
}

/** Runs `work` and returns its result and the resources that the server used meanwhile. */
export async function withUsage<Result>(server: BenchProcess, work: () => Promise<Result>): Promise<[Result, Usage]> {
  await server.ask('usageStart');
  const result = await work();
  return [result, await server.ask<Usage>('usageStop')];
}
