import { oncePerProcess } from './once-per-process.ts';

/** Something that owns a process: a node, a Postgres. The same object lives through restarts of its process. */
export interface Tracked {
  /** The node's name, or another word that its process is known by. */
  owner: string;
  /** Of its process now; null while it has none. */
  pid: () => number | null;
  /** Ends its process at once, for the root hook. */
  kill: () => void;
}

const all = oncePerProcess('tracked', () => new Set<Tracked>());

/** Announces what starts processes, so that the root hook can tell whose process is left. */
export function track(tracked: Tracked): void {
  all.add(tracked);
}

/** Everything announced whose process may still be there. */
export function trackedNow(): Tracked[] {
  return [...all];
}

/** Forgets everything that has no process any more; called between two files. */
export function forgetEnded(): void {
  for (const one of all) if (one.pid() === null) all.delete(one);
}
