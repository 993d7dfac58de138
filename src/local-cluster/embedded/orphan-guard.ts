import { spawn } from 'node:child_process';

/** Watches one process until it is released. */
export interface OrphanGuard {
  /** Ends the watch and leaves the process alone. Call it when the process has ended, or before it is stopped. */
  release(): void;
}

/** The signals for a process whose parent has ended. */
export interface OrphanGuardSignals {
  /** Sent first, e.g. `INT`. */
  first: 'INT' | 'TERM' | 'KILL';
  /** Sent if the process still runs ten seconds later. */
  last: 'QUIT' | 'KILL';
}

// `read` returns a word when the guard is released and the end of file when this process has ended.
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
 * Ensures that the process `pid` does not outlive this one, even if this one is killed with kill -9: a shell of a few hundred
 * kilobytes, in its own session, waits for the end of a pipe that only this process holds.
 * On Windows, which lacks such a shell, it does nothing.
 */
export function guardAgainstOrphaning(pid: number, signals: OrphanGuardSignals): OrphanGuard {
  if (process.platform === 'win32') return { release: () => undefined };
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'plantao-guard', String(pid), signals.first, signals.last], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // A guard that does not start or is killed is not a reason to stop.
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

/** The pipe to a child is a socket, so it has unref(), which its type lacks. */
function unref(stream: NodeJS.WritableStream & { unref?: () => unknown }): void {
  stream.unref?.();
}
