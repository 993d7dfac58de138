import { readFileSync } from 'node:fs';

/** Files that a server has open beside its waiters' sockets. */
const OTHERS = 400;

/** `wanted` sockets, or as many as the limit on open files (ulimit -n) leaves to one process. */
export function roomForSockets(wanted: number): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? wanted : Math.min(wanted, Number(limit) - OTHERS);
  } catch {
    // Node raises the limit to the hard one by itself; where that cannot be read, the system's answer is waited for.
    return wanted;
  }
}
