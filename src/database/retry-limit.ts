import { isRefusedOpening, sqlState } from './errors.ts';

/**
 * For errors that a DBA must correct first: a wrong password (28…), no such database (3D…), a missing privilege (42…),
 * no free connection (53…), or a database that opens no sessions.
 */
const REFUSED_LIMIT_MS = 2000;

/** Returns the longest delay before a session that failed to open with `error` is opened again; usually `limitMs`. */
export function maxRetryMs(error: unknown, limitMs: number): number {
  return isRefusedOpening(error) || /^(28|3D|42|53)/.test(sqlState(error) ?? '') ? REFUSED_LIMIT_MS : limitMs;
}
