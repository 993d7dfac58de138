import { spawn } from 'node:child_process';

/** A command that takes longer is stopped, with its children. */
const LIMIT_MS = 120_000;
const MAX_OUTPUT_LENGTH = 2000;

/** The outcome of a command; `problem` is null if it exited with code 0. */
export interface CommandOutcome {
  problem: string | null;
}

/** Runs the command of `--failover-command` in a shell, in a process group of its own. Ctrl-C reaches only the run, which then stops the command. */
export async function runFailoverCommand(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<CommandOutcome> {
  const child = spawn(command, { shell: true, detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT_LENGTH);
    });
  }
  let stopped: string | null = null;
  const stop = (why: string) => {
    stopped ??= why;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  const timer = setTimeout(() => stop(`was stopped after ${limitMs / 1000} s`), limitMs);
  const abort = () => stop('was stopped');
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    const how = await new Promise<string | null>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      // 'exit' and not 'close': a child that it leaves in the background may keep its output open.
      child.once('exit', (code, killedBy) => {
        resolve(code === 0 ? null : killedBy ? `was ended by ${killedBy}` : `exited with code ${code}`);
      });
    });
    if (how === null) return { problem: null };
    const said = output.trim().split('\n').at(-1) ?? '';
    return { problem: `the failover command ${stopped ?? how}${said === '' ? '' : `: ${said}`}` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
  }
}
