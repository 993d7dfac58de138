import { spawn } from 'node:child_process';

/** Watches over one process until it is released. */
export interface OrphanGuard {
  /** Ends the watch and leaves the process alone. Call it before, or when, the process is ended in order. */
  release(): void;
}

/** What the guard does to a process whose parent is gone. */
export interface OrphanGuardSignals {
  /** Asked first, e.g. `INT`. */
  first: 'INT' | 'TERM' | 'KILL';
  /** Sent when the process is still there ten seconds later. */
  last: 'QUIT' | 'KILL';
}

// `read` ends with a word when the guard is released and with an end of file when this process is gone.
const SCRIPT = `
trap '' HUP INT TERM
read -r word && exit 0
kill -s "$2" "$1" 2>/dev/null || exit 0
for second in 1 2 3 4 5 6 7 8 9 10; do
  sleep 1
  kill -s 0 "$1" 2>/dev/null || exit 0
done
kill -s "$3" "$1" 2>/dev/null
`;

/**
 * Promises that the process `pid` does not outlive this one, even when this one is killed with kill -9: a shell of a few
 * hundred kilobytes, in a session of its own, waits for the end of a pipe that only this process holds.
 * On Windows, where there is no such shell, it does nothing.
 */
export function guardAgainstOrphaning(pid: number, signals: OrphanGuardSignals): OrphanGuard {
  if (process.platform === 'win32') return { release: () => undefined };
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'plantao-guard', String(pid), signals.first, signals.last], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A guard that could not be started or was killed is a lost convenience, never a reason to stop.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  unref(guard.stdin);
  let released = false;
  return {
    release: () => {
      if (released) return;
      released = true;
      guard.stdin.end('released\n');
    },
  };
}

/** The pipe to a child is a socket, which may be told not to keep this process alive; its type does not say so. */
function unref(stream: NodeJS.WritableStream & { unref?: () => unknown }): void {
  stream.unref?.();
}
