import { createServer } from 'node:net';
import { LauncherError } from './launcher-error.ts';

/**
 * Makes sure that nobody listens on any of `ports` of `host`, before anything is started.
 *
 * @throws LauncherError naming the first one that is not to be had
 */
export async function requireFreePorts(host: string, ports: number[]): Promise<void> {
  for (const port of ports) {
    const code = await tryToListen(host, port);
    if (code === null) continue;
    if (code === 'EADDRINUSE') {
      throw new LauncherError(`Port ${port} is in use: stop what listens there, or choose another with --port.`);
    }
    if (code === 'EACCES')
      throw new LauncherError(`Port ${port} may not be listened on by this user: choose one above 1023.`);
    throw new LauncherError(`The nodes cannot listen on ${host}:${port} (${code}): look at HOST and --port.`);
  }
}

/** Null when it went well, else the system's word for why not. */
function tryToListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}
