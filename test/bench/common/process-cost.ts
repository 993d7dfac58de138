import { readdir, readFile } from 'node:fs/promises';

/** Returns the resident memory of a process in megabytes, as `ps` shows it. */
export async function residentMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
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
