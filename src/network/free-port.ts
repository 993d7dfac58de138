import { once } from 'node:events';
import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * Returns a free port of 127.0.0.1, never the same one twice. Taken from below the range from which systems
 * choose the local ports of outgoing connections, so that no such connection occupies it when a node is restarted.
 */
export async function freePort(taken: Set<number> = given): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error('no free port was found in 200 tries');
}

/** Returns true if nothing listens on `port` of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const outcome = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).once('listening', () => resolve(true));
  });
  server.listen(port, '127.0.0.1');
  const free = await outcome;
  if (free) {
    server.close();
    await once(server, 'close');
  }
  return free;
}
