import { readFileSync } from 'node:fs';
import type { Settings } from '../settings.ts';

/** Number of files and sockets that a node needs besides its clients' and its pool's: program and pages, other sessions, peers, the log. */
const OWN_FILES = 100;
/** Number of connections kept free for other requests while all poll slots are taken; at most a fifth of all. */
const FOR_REQUESTS = 100;

/** The limits of a node within the number of files that the system lets it open. */
export interface FittedLimits {
  maxConnections: number;
  maxWaiters: number;
}

/**
 * Returns the limits that `openFiles` permits. Without a reserve, idle clients could take the last file, and the node could not open a
 * session with PostgreSQL: not even to stay active, or to become so.
 */
export function fitToOpenFiles(
  { maxConnections, maxWaiters, poolSize }: Pick<Settings, 'maxConnections' | 'maxWaiters' | 'poolSize'>,
  openFiles: number,
): FittedLimits {
  const most = Math.max(openFiles - OWN_FILES - poolSize, Math.floor(openFiles / 8), 1);
  if (most >= maxConnections) return { maxConnections, maxWaiters };
  const forPolls = most - Math.min(FOR_REQUESTS, Math.ceil(most / 5));
  return { maxConnections: most, maxWaiters: Math.max(1, Math.min(maxWaiters, forPolls)) };
}

/** Returns how many files this process may open (`ulimit -n`); infinite where the system does not report it. */
export function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    // Only Linux has this file.
    return Number.POSITIVE_INFINITY;
  }
}
