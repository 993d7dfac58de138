import { BenchProcess } from './process.ts';

/** What a measured server used between two moments. */
export interface Usage {
  /** Cores, 1 being one of them. */
  cpu: number;
  /** Share of the time in which its event loop was at work. */
  busy: number;
  /** How late its event loop was, in milliseconds. */
  loopDelay: { p99: number; most: number };
}

/** What a process takes, in bytes, after a garbage collection. */
export interface Memory {
  /** Resident: what the system counts. */
  rss: number;
  /** Live objects and buffers. */
  live: number;
}

const ACTIVE_WITHIN_MS = 20_000;
/** `--expose-gc` costs nothing and lets memory be read without garbage in it. */
const FLAGS = ['--expose-gc'];

/** One node of Plantão, as an operator starts it. */
export async function startPlantao(databaseUrl: string, env: Record<string, string> = {}): Promise<BenchProcess> {
  const node = await BenchProcess.start({
    program: 'src/main.ts',
    flags: FLAGS,
    env: { DATABASE_URL: databaseUrl, PORT: '0', LOG_FORMAT: 'json', PLANTAO_NO_DOTENV: '1', ...env },
    readyWhen: /"event":"listening".*"url":"http:\/\/localhost:(\d+)"/,
  });
  if (env.IS_ACTIVE === 'false') return node;
  const until = performance.now() + ACTIVE_WITHIN_MS;
  while ((await fetch(`http://127.0.0.1:${node.port}/primary`)).status !== 200) {
    if (performance.now() > until) throw new Error(`no node is on duty:\n${node.output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return node;
}

/** A program of `rivals/`. */
export function startRival(name: string, env: Record<string, string> = {}): Promise<BenchProcess> {
  return BenchProcess.start({ program: `test/bench/rivals/${name}.ts`, flags: FLAGS, env });
}

/** How many polls wait at a node of Plantão. */
export async function waitersOf(node: BenchProcess): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.port}/metrics`)).text();
  return Number(/^plantao_waiters(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

/** How many polls wait at a rival. */
export async function parkedAt(rival: BenchProcess): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${rival.port}/count`)).text());
}

/** Runs `work` and answers what it gave and what the server used meanwhile. */
export async function withUsage<Result>(server: BenchProcess, work: () => Promise<Result>): Promise<[Result, Usage]> {
  await server.ask('usageStart');
  const result = await work();
  return [result, await server.ask<Usage>('usageStop')];
}
