import { readdir, readFile } from 'node:fs/promises';
import { listProcesses } from '../../../src/local-cluster/embedded/process-list.ts';

/** Returns the resident memory of a process in megabytes, as `ps` shows it. */
export async function residentMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
}

/** Returns the resident memory of these processes in kilobytes; a page that several of them share counts once. */
export async function proportionalKb(pids: readonly number[]): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, 'utf8')));
  return texts.reduce((sum, text) => sum + Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1]), 0);
}

/** Returns a process and all its descendants. */
export async function withDescendants(pid: number): Promise<number[]> {
  const all = await listProcesses();
  const family = [pid];
  for (const one of family) family.push(...all.filter(({ parent }) => parent === one).map((child) => child.pid));
  return family;
}

/** Returns the CPU time of these processes so far, in milliseconds; one that has ended counts as 0. */
export async function cpuMs(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(threadTimes));
  return times.flat().reduce((sum, one) => sum + one, 0);
}

/** From schedstat, in nanoseconds: `stat` counts in hundredths of a second, more than an idle session uses in that time. */
async function threadTimes(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  return Promise.all(
    threads.map(async (thread) => {
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      return Number.parseInt(text, 10) / 1e6;
    }),
  );
}
