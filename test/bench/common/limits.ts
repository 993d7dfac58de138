import { readFileSync } from 'node:fs';

/** Files that a server has open in addition to its waiters' sockets. */
const RESERVED_FILES = 400;

/** Returns `wanted`, or the number of sockets that the limit on open files (ulimit -n) allows one process. */
export function roomForSockets(wanted: number): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? wanted : Math.min(wanted, Number(limit) - RESERVED_FILES);
  } catch {
    // Node raises its soft limit to the hard one. If the limit cannot be read, a failure would come from the system.
    return wanted;
  }
}
