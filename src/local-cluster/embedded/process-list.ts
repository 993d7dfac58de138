import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** One process of this machine. */
export interface ListedProcess {
  pid: number;
  parent: number;
  /** Its arguments, joined with blanks; empty for a process that has ended and was not yet collected. */
  command: string;
}

/** Every process of this machine that may be seen: from /proc where there is one, else from `ps`; empty on Windows. */
export async function listProcesses(): Promise<ListedProcess[]> {
  if (process.platform === 'win32') return [];
  if (process.platform === 'linux') return fromProc();
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,ppid=,command='], { maxBuffer: 32e6 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid && parent ? [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }] : [];
  });
}

async function fromProc(): Promise<ListedProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(readProc));
  return found.filter((one) => one !== null);
}

/** Null when the process ended while we looked. */
async function readProc(pid: string): Promise<ListedProcess | null> {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // "pid (name) state ppid …": the name may hold blanks and brackets, so count from its last bracket.
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    return { pid: Number(pid), parent: Number(parent), command: commandLine.split('\0').join(' ').trim() };
  } catch {
    return null;
  }
}
