import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';

const START_LIMIT_MS = 60_000;
/** Short compared with a start, and cheap: most attempts are refused at once. */
const POLL_EVERY_MS = 5;

/** A server that was just started. */
export interface StartedServer {
  pid: number;
  /** Milliseconds from the start of the process. */
  since(): number;
  /** Resolves when GET `path` responds with 200. @throws if the process exits, or after a minute. */
  responds(path: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts `node` with these arguments; the server listens on `port`. */
export function startServer(args: readonly string[], port: number, env: Record<string, string>): StartedServer {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: PACKAGE_ROOT,
    env: { PATH, HOME, TMPDIR, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const since = () => performance.now() - startedAt;
  return {
    pid: child.pid ?? 0,
    since,
    async responds(path) {
      while ((await statusOf(port, path)) !== 200) {
        if (hasExited(child)) throw new Error(`node ${args.join(' ')} ended instead of serving`);
        if (since() > START_LIMIT_MS) throw new Error(`GET ${path} did not respond with 200`);
        await sleep(POLL_EVERY_MS);
      }
    },
    async stop() {
      if (hasExited(child)) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

const hasExited = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

/** Returns the status of a response; null if there is none. */
function statusOf(port: number, path: string): Promise<number | null> {
  return new Promise((resolve) => {
    http
      .get({ host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(START_LIMIT_MS) }, (response) => {
        response.resume();
        resolve(response.statusCode ?? null);
      })
      .once('error', () => resolve(null));
  });
}
