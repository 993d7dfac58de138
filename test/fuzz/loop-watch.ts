/**
 * Loaded into a node before its own code (`--import`), by the fuzzer only. Writes a line to the node's output when its event
 * loop was blocked.
 *
 * Blocked means that the main thread used too much CPU time between two checks, which run every few milliseconds and at the
 * start of each request. Wall-clock time is meaningless on a busy machine, where a runnable thread waits for a core; a
 * histogram of delays (monitorEventLoopDelay) has the same flaw. The CPU time of the process is too high: scrypt and the
 * garbage collector's helpers run on other threads. So this reads the thread's own CPU time from Linux and subtracts the
 * pauses of the garbage collector, which no request causes.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, readSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { PerformanceObserver } from 'node:perf_hooks';

/** CPU time between two checks above which the loop counts as blocked, in milliseconds. */
const BLOCKED_MS = 50;
const CHECK_EVERY_MS = 4;
const MAX_REQUESTS = 10;

const cpuMs = threadClock();
let last = cpuMs();
let collectedMs = 0;
let requests: string[] = [];

/** Reads the CPU time of the main thread, which runs the event loop: the first number of schedstat, in nanoseconds. */
function threadClock(): () => number {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    const text = Buffer.alloc(64);
    return () => Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6;
  } catch {
    // Not Linux: uses the time of the process, which may be too high.
    return () => process.cpuUsage().user / 1e3;
  }
}

function check(): void {
  const now = cpuMs();
  const blockedMs = now - last - collectedMs;
  if (blockedMs > BLOCKED_MS) {
    const entry = { level: 30, time: Date.now(), event: 'loop_blocked', cpu_ms: Math.round(blockedMs), requests };
    process.stdout.write(`${JSON.stringify({ ...entry, msg: 'the event loop was blocked' })}\n`);
  }
  last = now;
  collectedMs = 0;
}

// The observer runs after the pause, in its own turn of the event loop: a long pause is known at the next check.
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectedMs += duration;
}).observe({ entryTypes: ['gc'] });

subscribe('http.server.request.start', (message) => {
  check();
  const { method, url } = (message as { request: IncomingMessage }).request;
  requests = [...requests.slice(1 - MAX_REQUESTS), `${method} ${url?.slice(0, 200)}`];
});
setInterval(check, CHECK_EVERY_MS).unref();
