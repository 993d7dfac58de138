/**
 * Loaded into a node before its own code (`--import`), by the fuzzer only: writes a line to the node's output when its event
 * loop was blocked.
 *
 * Blocked means that the main thread computed for too long between two looks, of which there is one every few milliseconds
 * and one at the start of each request. Time of the clock says nothing on a busy machine, where a thread that is ready waits
 * for its turn, and a histogram of delays (monitorEventLoopDelay) has no more than that. The CPU time of the process counts
 * too much: scrypt and the garbage collector's helpers run on other threads. So the thread's own CPU time is read, where
 * Linux has it, and the collector's pauses on it are no request's doing and are taken off.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, readSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { PerformanceObserver } from 'node:perf_hooks';

/** CPU time between two looks, in milliseconds, from which on the loop counts as blocked. */
const BLOCKED_MS = 50;
const LOOK_EVERY_MS = 4;
const SHOWN = 10;

const cpuMs = threadClock();
let last = cpuMs();
let collectedMs = 0;
let requests: string[] = [];

/** The first number of schedstat is the time on a CPU in nanoseconds; of a process's first thread, which runs the loop. */
function threadClock(): () => number {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    const text = Buffer.alloc(64);
    return () => Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6;
  } catch {
    // Another system: the process's time, which may count too much.
    return () => process.cpuUsage().user / 1e3;
  }
}

function look(): void {
  const now = cpuMs();
  const blockedMs = now - last - collectedMs;
  if (blockedMs > BLOCKED_MS) {
    const entry = { level: 30, time: Date.now(), event: 'loop_blocked', cpu_ms: Math.round(blockedMs), requests };
    process.stdout.write(`${JSON.stringify({ ...entry, msg: 'the event loop was blocked' })}\n`);
  }
  last = now;
  collectedMs = 0;
}

// An observer is told after the pause, in a turn of its own: at the next look the pause is known or was no long one.
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectedMs += duration;
}).observe({ entryTypes: ['gc'] });

subscribe('http.server.request.start', (message) => {
  look();
  const { method, url } = (message as { request: IncomingMessage }).request;
  requests = [...requests.slice(1 - SHOWN), `${method} ${url?.slice(0, 200)}`];
});
setInterval(look, LOOK_EVERY_MS).unref();
