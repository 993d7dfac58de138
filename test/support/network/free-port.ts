import { freePort as freePortExcept } from '../../../src/network/free-port.ts';
import { oncePerProcess } from '../run/once-per-process.ts';

const given = oncePerProcess('ports', () => new Set<number>());

/** Returns a free port of 127.0.0.1, never the same one twice in this process. */
export const freePort = (): Promise<number> => freePortExcept(given);
