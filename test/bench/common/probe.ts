/*
 * Loaded before a program that is measured: lets the bench ask it what it uses. Costs nothing while nobody asks.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { writeHeapSnapshot } from 'node:v8';
import type { Ask } from './process.ts';

const delay = monitorEventLoopDelay({ resolution: 1 });
let profiler: Session | null = null;
let since = { cpu: process.cpuUsage(), loop: performance.eventLoopUtilization(), at: performance.now() };

/** Answers by name; a program adds its own through {@link answerAsks}. */
const answers: Record<string, (value: never) => unknown> = {
  /** Resident and live bytes, after the garbage is gone; needs --expose-gc. */
  async memory() {
    for (let turn = 0; turn < 3; turn++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, live: heapUsed + external };
  },
  usageStart() {
    delay.reset();
    delay.enable();
    since = { cpu: process.cpuUsage(), loop: performance.eventLoopUtilization(), at: performance.now() };
  },
  usageStop() {
    delay.disable();
    const { user, system } = process.cpuUsage(since.cpu);
    const ms = performance.now() - since.at;
    return {
      cpu: (user + system) / 1000 / ms,
      busy: performance.eventLoopUtilization(since.loop).utilization,
      loopDelay: { p99: delay.percentile(99) / 1e6, most: delay.max / 1e6 },
    };
  },
  async profileStart() {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval: 200 });
    await profiler.post('Profiler.start');
  },
  async profileStop(file: string) {
    const stopped = await profiler?.post('Profiler.stop');
    profiler?.disconnect();
    writeFileSync(file, JSON.stringify(stopped?.profile));
  },
  heapSnapshot: (file: string) => writeHeapSnapshot(file),
};

/** Adds a program's own answers. */
export function answerAsks(more: Record<string, (value: never) => unknown>): void {
  Object.assign(answers, more);
}

process.on('message', async ({ id, name, value }: Ask) => {
  try {
    const answer = answers[name];
    if (!answer) throw new Error(`nobody answers "${name}" here`);
    process.send?.({ id, value: await answer(value as never) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
// The bench is gone, killed perhaps: nothing of it stays behind.
process.once('disconnect', () => process.exit());
process.channel?.unref();
