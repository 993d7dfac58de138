import { spawn } from 'node:child_process';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { track } from '../run/tracked.ts';
import { programOf } from './node-build.ts';

/** A run of `plantao` that has ended. */
export interface CommandResult {
  exit: number | null;
  output: string;
  errors: string;
  ms: number;
}

/** Runs `plantao` with these arguments in a process of its own, as a shell does, and resolves when it has ended. */
export function plantao(args: readonly string[], env: Record<string, string> = {}, input = ''): Promise<CommandResult> {
  const startedAt = performance.now();
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [...programOf('cli/plantao'), ...args], {
    cwd: PACKAGE_ROOT,
    env: { PATH, HOME, PLANTAO_NO_DOTENV: '1', ...env },
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  track({ owner: 'plantao', pid: () => (isRunning() ? (child.pid ?? null) : null), kill: () => child.kill('SIGKILL') });
  const result = { output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    result.output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    result.errors += text;
  });
  child.stdin.on('error', () => {}); // It may end without reading its input.
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once('close', (exit) => resolve({ exit, ...result, ms: performance.now() - startedAt }));
  });
}
