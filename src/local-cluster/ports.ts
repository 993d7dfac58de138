import { createServer } from 'node:net';
import { LauncherError } from './options.ts';

/**
 * Checks that every port is free before anything is started.
 *
 * @throws {LauncherError} naming the first port that is not available.
 */
export async function requireFreePorts(host: string, ports: number[]): Promise<void> {
  for (const port of ports) {
    const code = await tryToListen(host, port);
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
