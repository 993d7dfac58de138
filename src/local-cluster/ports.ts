import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './launcher-error.ts';

/** How long to wait for a port: the nodes of a launcher that was killed need half a second to stop, and longer on a busy machine. */
const WAIT_MS = 2000;
const RETRY_MS = 50;

/**
 * Checks that every port is free before anything is started. Waits a moment for one that is in use.
 *
 * @throws {LauncherError} naming the first port that is not available.
 */
export async function requireFreePorts(host: string, ports: number[]): Promise<void> {
  const until = performance.now() + WAIT_MS;
  for (const port of ports) {
    let code = await tryToListen(host, port);
    while (code === 'EADDRINUSE' && performance.now() < until) {
      await sleep(RETRY_MS);
      code = await tryToListen(host, port);
    }
    if (code === null) continue;
    if (code === 'EADDRINUSE') {
      throw new LauncherError(
        `port ${port} is already in use: stop the other process or choose another port with --port`,
      );
    }
    if (code === 'EACCES')
      throw new LauncherError(`this user may not listen on port ${port}: choose a port above 1023`);
    throw new LauncherError(`the nodes cannot listen on ${host}:${port} (${code}): check HOST and --port`);
  }
}

/** Returns null on success, else the system's error code. */
function tryToListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}
