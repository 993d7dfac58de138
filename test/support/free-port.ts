import { once } from 'node:events';
import { createServer } from 'node:net';
import { oncePerProcess } from './once-per-process.ts';

const given = oncePerProcess('ports', () => new Set<number>());

/**
 * A port of 127.0.0.1 that nobody listens on, never the same one twice. Taken from below the range from which systems
 * choose the near end of outgoing connections, so that no such connection sits on it when a node is started again.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port was found in 200 tries');
}

/** True when nobody listens on `port` of 127.0.0.1. */
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
