import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataFolder } from './data-folder.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { type ListedProcess, listProcesses } from './process-list.ts';

/** A fast shutdown writes a checkpoint first, which may take a few seconds after a high load. */
const LEFTOVER_TIMEOUT_MS = 20_000;

/** Returns every process of the server on this folder: the postmaster and its children. */
export async function serverProcesses(at: DataFolder): Promise<ListedProcess[]> {
  const listed = await listProcesses();
  return listed.filter(({ command }) => command.startsWith(`postgres: ${at.mark}`) || isPostmaster(command, at));
}

function isPostmaster(command: string, at: DataFolder): boolean {
  return `${command} `.includes(` -D ${at.data} `) && command.includes('postgres');
}

/**
 * Stops an orphaned server on this folder. A server whose starter still runs belongs to another cluster and is left alone. One
 * whose starter was killed with kill -9 is stopped: otherwise no later start would succeed.
 *
 * @throws EmbeddedPostgresError when another cluster uses the folder, or an orphan does not end
 */
export async function endOrphans(at: DataFolder, log: (line: string) => void): Promise<void> {
  const begun = Date.now();
  let isLogged = false;
  for (;;) {
    const left = await serverProcesses(at);
    if (left.length === 0) return removeStalePidFile(at);
    const postmaster = left.find(({ command }) => isPostmaster(command, at));
    if (postmaster) refuseIfInUse(postmaster, at);
    if (Date.now() - begun > LEFTOVER_TIMEOUT_MS) {
      throw new EmbeddedPostgresError(
        `A PostgreSQL left over on ${at.folder} does not end: kill process ${left[0]?.pid} and start again.`,
      );
    }
    if (postmaster && !isLogged)
      log(`ending the PostgreSQL of an earlier run that was killed (process ${postmaster.pid})`);
    isLogged = true;
    // First a fast shutdown; after half of the time an immediate one, from which the next start recovers.
    if (postmaster) sendSignal(postmaster.pid, Date.now() - begun > LEFTOVER_TIMEOUT_MS / 2 ? 'SIGQUIT' : 'SIGINT');
    await sleep(200);
  }
}

function refuseIfInUse(postmaster: ListedProcess, at: DataFolder): void {
  const starter = /plantao\.starter=(\d+)/.exec(postmaster.command)?.[1];
  // The parent of an orphan is no longer the process that started it.
  if (starter !== undefined && postmaster.parent !== Number(starter)) return;
  const owner = starter === undefined ? `process ${postmaster.pid}` : `started by process ${starter}`;
  throw new EmbeddedPostgresError(
    `A PostgreSQL is already running on the data folder ${at.folder} (${owner}): stop that first, or choose another folder.`,
  );
}

/**
 * Removes a stale postmaster.pid whose process id another program has taken since: PostgreSQL itself recognises every other stale
 * one, but would refuse to start with this one. That is common in a container, where the same small numbers return.
 */
async function removeStalePidFile(at: DataFolder): Promise<void> {
  const file = path.join(at.data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => null);
  const pid = Number(text?.split('\n')[0]);
  const holder = text === null ? undefined : (await listProcesses()).find((one) => one.pid === pid);
  if (holder && !holder.command.includes('postgres')) await rm(file, { force: true });
}

/** Sends a signal to a process that may have ended. */
export function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended, or belongs to another user: the caller checks again.
  }
}
