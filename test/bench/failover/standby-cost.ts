import { setTimeout as sleep } from 'node:timers/promises';
import type { Scene } from '../../failure/scene.ts';
import { cpuMs } from '../common/process-cost.ts';

/** The cost of a standby for the database. */
export interface StandbyCost {
  /** CPU usage of its backends, in per cent of a core. */
  cpuPercent: number;
  /** Age of its oldest observed snapshot, in milliseconds. An old snapshot delays vacuum. */
  oldestSnapshotMs: number;
  sessions: number;
}

/** Measures the backends of a standby for `seconds`; they must run on this machine. */
export async function standbyCost(scene: Scene, seconds: number): Promise<StandbyCost> {
  const [standby] = await scene.standbys();
  if (!standby) throw new Error('there is no standby');
  const pattern = `plantao:${standby.name}:%`;
  const pids = (
    await scene.sql<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1', [pattern])
  ).map(({ pid }) => pid);
  const before = await cpuMs(pids);
  const startedAt = performance.now();
  let oldestSnapshotMs = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    const [row] = await scene.sql<{ oldest: number }>(
      `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::float8 AS oldest
       FROM pg_stat_activity WHERE application_name LIKE $1 AND backend_xmin IS NOT NULL`,
      [pattern],
    );
    oldestSnapshotMs = Math.max(oldestSnapshotMs, row?.oldest ?? 0);
    await sleep(20);
  }
  const used = (await cpuMs(pids)) - before;
  return { cpuPercent: (100 * used) / (performance.now() - startedAt), oldestSnapshotMs, sessions: pids.length };
}
