import { oncePerProcess } from './once-per-process.ts';

/** An owner of a process: a node or a PostgreSQL server. The same object through every restart of its process. */
export interface Tracked {
  /** The node's name, or another name of its process. */
  owner: string;
  /** Returns the pid of its current process; null while it has none. */
  pid: () => number | null;
  /** Ends its process at once, for the root hook. */
  kill: () => void;
}

const all = oncePerProcess('tracked', () => new Set<Tracked>());

/** Registers an owner of processes, so that the root hook can name the owner of a process left behind. */
export function track(tracked: Tracked): void {
  all.add(tracked);
}

/** Returns all registered owners whose process may still run. */
export function trackedNow(): Tracked[] {
  return [...all];
}

/** Forgets the owners without a process; called between two files. */
export function forgetEnded(): void {
  for (const one of all) if (one.pid() === null) all.delete(one);
}
