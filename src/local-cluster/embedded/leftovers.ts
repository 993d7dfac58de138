import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DataFolder } from './data-folder.ts';
import { type ListedProcess, listProcesses } from './process-list.ts';
import { EmbeddedPostgresError } from './system-user.ts';

/** A fast shutdown writes a checkpoint first, which may take some seconds after a busy time. */
const REMAINS_WITHIN_MS = 20_000;

/** Every process of the server on this folder, the postmaster and those that it started. */
export async function serverProcesses(at: DataFolder): Promise<ListedProcess[]> {
  const listed = await listProcesses();
  return listed.filter(({ command }) => command.startsWith(`postgres: ${at.mark}`) || isPostmaster(command, at));
}

function isPostmaster(command: string, at: DataFolder): boolean {
  return `${command} `.includes(` -D ${at.data} `) && command.includes('postgres');
}

/**
 * Makes way for a new server on this folder. A server whose starter still runs is another cluster at work and is left
 * alone; one whose starter is gone was orphaned by a kill -9 and is ended: nobody else knows how to stop it, and until
 * it is stopped no start would ever succeed.
 *
 * @throws EmbeddedPostgresError when the folder is another's, or an orphan does not end
 */
export async function endOrphans(at: DataFolder, log: (line: string) => void): Promise<void> {
  const begun = Date.now();
  let told = false;
  for (;;) {
    const left = await serverProcesses(at);
    if (left.length === 0) return removeStalePidFile(at);
    const postmaster = left.find(({ command }) => isPostmaster(command, at));
    if (postmaster) refuseIfAtWork(postmaster, at);
    if (Date.now() - begun > REMAINS_WITHIN_MS) {
      throw new EmbeddedPostgresError(
        `A PostgreSQL left over on ${at.folder} does not end: kill process ${left[0]?.pid} and start again.`,
      );
    }
    if (postmaster && !told) log(`ending the PostgreSQL of an earlier run that was killed (process ${postmaster.pid})`);
    told = true;
    // In order at first; one that still stands in half of the time is made to crash, which its next start repairs.
    if (postmaster) signal(postmaster.pid, Date.now() - begun > REMAINS_WITHIN_MS / 2 ? 'SIGQUIT' : 'SIGINT');
    await pause(200);
  }
}

function refuseIfAtWork(postmaster: ListedProcess, at: DataFolder): void {
  const starter = /plantao\.starter=(\d+)/.exec(postmaster.command)?.[1];
  // The system gives an orphan to another parent.
  if (starter !== undefined && postmaster.parent !== Number(starter)) return;
  const owner = starter === undefined ? `process ${postmaster.pid}` : `started by process ${starter}`;
  throw new EmbeddedPostgresError(
    `A PostgreSQL already runs on the data folder ${at.folder} (${owner}): stop that first, or choose another folder.`,
  );
}

/**
 * PostgreSQL sees through a stale postmaster.pid, except where its number is another living program's by now: then it
 * refuses to start. That is the rule in a container, where the same small numbers come back.
 */
async function removeStalePidFile(at: DataFolder): Promise<void> {
  const file = path.join(at.data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => null);
  const pid = Number(text?.split('\n')[0]);
  const holder = text === null ? undefined : (await listProcesses()).find((one) => one.pid === pid);
  if (holder && !holder.command.includes('postgres')) await rm(file, { force: true });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended, or is another user's: the caller looks again.
  }
}
