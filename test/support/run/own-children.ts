import { readdir, readFile } from 'node:fs/promises';
import { type ListedProcess, listProcesses } from '../../../src/local-cluster/embedded/process-list.ts';

/**
 * Returns the child processes of this process. Called twice a test: with the kernel's list it takes a millisecond or two,
 * while reading all processes of a busy machine takes fifty.
 */
export async function ownChildren(): Promise<ListedProcess[]> {
  const pids = await listedByKernel();
  if (pids === null) return (await listProcesses()).filter(({ parent }) => parent === process.pid);
  return Promise.all(pids.map(async (pid) => ({ pid, parent: process.pid, command: await commandOf(pid) })));
}

/** Returns null if there is no such list: on other systems, in some kernels, or if a thread ended meanwhile. */
async function listedByKernel(): Promise<number[] | null> {
  try {
    const threads = await readdir('/proc/self/task');
    const lists = await Promise.all(threads.map((id) => readFile(`/proc/self/task/${id}/children`, 'utf8')));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return null;
  }
}

/** Returns the arguments of a process, joined with spaces; empty for a process that has ended. */
async function commandOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.split('\0').join(' ').trim();
}
