import { readdirSync, readFileSync } from 'node:fs';
import { type ListedProcess, listProcesses } from '../../../src/local-cluster/embedded/process-list.ts';
import { runningWorkers } from './worker-threads.ts';

/**
 * Returns the child processes of this process. Called twice a test: the kernel's list takes 0.02 ms a thread (ten times that through
 * promises, which gain nothing: the list is in memory), while reading all processes of a busy machine takes fifty.
 */
export async function ownChildren(): Promise<ListedProcess[]> {
  const pids = listedByKernel();
  if (pids === null) return (await listProcesses()).filter(({ parent }) => parent === process.pid);
  return pids.map((pid) => ({ pid, parent: process.pid, command: commandOf(pid) }));
}

/** Returns null if there is no such list: on other systems, in some kernels, or if a thread ended meanwhile. */
function listedByKernel(): number[] | null {
  try {
    // Of the dozen threads only the main thread and workers start processes. A thread that ends leaves its own to the main thread.
    const threads = runningWorkers().length > 0 ? readdirSync('/proc/self/task') : [process.pid];
    const lists = threads.map((id) => readFileSync(`/proc/self/task/${id}/children`, 'utf8'));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return null;
  }
}

/** Returns the arguments of a process, joined with spaces; empty for a process that has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  } catch {
    return '';
  }
}
