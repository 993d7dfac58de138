import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { guardAgainstOrphaning } from '../../../src/local-cluster/embedded/orphan-guard.ts';
import { listProcesses } from '../../../src/local-cluster/embedded/process-list.ts';
import { eventually } from '../eventually.ts';
import { track } from '../run/tracked.ts';
import { programOf } from './node-build.ts';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

/** `npm run cluster` in a process group of its own, as a terminal starts it. */
export class ClusterCommand {
  output = '';
  errors = '';
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;

  constructor(args: string[], env: Record<string, string> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    this.child = spawn(process.execPath, [...programOf('cli/plantao'), 'cluster', ...args], {
      cwd: PROJECT,
      env: { PATH, HOME, PLANTAO_NO_DOTENV: '1', ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.output += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.errors += text;
    });
    // In a group of its own it would outlive a test run that is killed.
    const guard = guardAgainstOrphaning(this.child.pid ?? 0, { first: 'TERM', last: 'KILL' });
    this.exit = new Promise((resolve) => this.child.once('close', resolve));
    void this.exit.then(() => guard.release());
    const pid = () =>
      this.child.exitCode === null && this.child.signalCode === null ? (this.child.pid ?? null) : null;
    track({ owner: 'npm run cluster', pid, kill: () => void this.child.kill('SIGKILL') });
  }

  untilReady = (within = 60_000) => this.untilSays('ready', /Plantão is ready\.[\s\S]*Ctrl-C/, within);
  untilSays = (what: string, pattern: RegExp, within = 15_000) =>
    eventually(`the launcher prints that ${what}`, () => pattern.exec(this.output), { within }).catch((error) => {
      throw new Error(`${error.message}; its output:\n${this.output}${this.errors}`);
    });
  /** Sends the signal as a terminal does at Ctrl-C: to the whole group, and npm passes it on once more. */
  ctrlC() {
    process.kill(-(this.child.pid ?? 0), 'SIGINT');
    this.child.kill('SIGINT');
  }
  /** The nodes' pids as the banner names them. */
  pids = () => [...this.output.matchAll(/pid (\d+)$/gm)].map(([, pid]) => Number(pid));
}

/** Returns the processes whose pid is one of `pids` or whose command names `folder`, and that still run. */
export async function processesLeft(folder: string, pids: number[]): Promise<string[]> {
  const listed = await listProcesses();
  const ours = listed.filter(({ pid, command }) => pids.includes(pid) || command.includes(folder));
  return ours.filter(({ command }) => command !== '').map(({ pid, command }) => `${pid} ${command}`);
}
