import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Scene } from '../../failure/scene.ts';

/** What a standby costs the database. */
export interface StandbyCost {
  /** Share of one core that its backends use, in per cent. */
  cpuPercent: number;
  /** The longest time that one of its snapshots was seen open, in milliseconds: vacuum waits for no older one. */
  oldestSnapshotMs: number;
  sessions: number;
}

/** Linux counts CPU time in hundredths of a second. */
const TICK_MS = 10;

/** Watches the backends of a standby for `seconds`; they must run on this machine. */
export async function standbyCost(scene: Scene, seconds: number): Promise<StandbyCost> {
  const [standby] = await scene.standbys();
  if (!standby) throw new Error('there is no standby');
  const mine = `plantao:${standby.name}:%`;
  const pids = (
    await scene.sql<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1', [mine])
  ).map(({ pid }) => pid);
  const before = await cpuMs(pids);
  const startedAt = performance.now();
  let oldestSnapshotMs = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    const [row] = await scene.sql<{ oldest: number }>(
      `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::float8 AS oldest
       FROM pg_stat_activity WHERE application_name LIKE $1 AND backend_xmin IS NOT NULL`,
      [mine],
    );
    oldestSnapshotMs = Math.max(oldestSnapshotMs, row?.oldest ?? 0);
    await pause(20);
  }
  const used = (await cpuMs(pids)) - before;
  return { cpuPercent: (100 * used) / (performance.now() - startedAt), oldestSnapshotMs, sessions: pids.length };
}

async function cpuMs(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // Behind the name in brackets: the 12th and 13th fields are user and system time.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    sum += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
  }
  return sum;
}
