import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** One process of this machine. */
export interface ListedProcess {
  pid: number;
  parent: number;
  /** Its arguments, joined with spaces; empty for a zombie. */
  command: string;
}

/** Returns every visible process of this machine: from /proc if it exists, else from `ps`. Empty on Windows. */
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

/** Returns a process; null if it has ended in the meantime. */
async function readProc(pid: string): Promise<ListedProcess | null> {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // "pid (name) state ppid …": the name may contain spaces and brackets, so fields are counted from its last bracket.
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    return { pid: Number(pid), parent: Number(parent), command: commandLine.split('\0').join(' ').trim() };
  } catch {
    return null;
  }
}
