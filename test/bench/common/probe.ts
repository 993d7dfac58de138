/*
 * Loaded before a program that is measured. Reports the program's resource usage over IPC, without any cost in between.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { writeHeapSnapshot } from 'node:v8';
import type { IpcRequest } from './process.ts';

const delay = monitorEventLoopDelay({ resolution: 1 });
let profiler: Session | null = null;
let since = { cpu: process.cpuUsage(), loop: performance.eventLoopUtilization(), at: performance.now() };

/** Handlers by request name. A program adds its own through {@link registerHandlers}. */
const handlers: Record<string, (value: never) => unknown> = {
  /** Returns resident and live bytes after garbage collection; requires --expose-gc. */
  async memory() {
    for (let run = 0; run < 3; run++) {
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
      loopDelay: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
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

/** Adds the handlers of a program. */
export function registerHandlers(more: Record<string, (value: never) => unknown>): void {
  Object.assign(handlers, more);
}

process.on('message', async ({ id, name, value }: IpcRequest) => {
  try {
    const handler = handlers[name];
    if (!handler) throw new Error(`no handler for "${name}" in this process`);
    process.send?.({ id, value: await handler(value as never) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
// The bench has exited or was killed: exit as well.
process.once('disconnect', () => process.exit());
process.channel?.unref();
