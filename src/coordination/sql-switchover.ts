import type { Log } from '../log.ts';
import type { NodeRegistry } from './peers/node-registry.ts';
import type { SyncManager } from './sync-manager.ts';

/** What it needs. */
export interface SqlSwitchoverOptions {
  sync: Pick<SyncManager, 'isActive' | 'leader' | 'switchover'>;
  registry: Pick<NodeRegistry, 'takeRequest'>;
  log: Log;
}

/**
 * Makes what a node does when plantao.switchover() may have asked something of it: on the NOTIFY, and when the request was
 * seen as it wrote its row. Who is not on duty does nothing; what could not be read is still there at the next row.
 */
export function sqlSwitchover({ sync, registry, log }: SqlSwitchoverOptions): () => Promise<void> {
  return async () => {
    if (!sync.isActive || sync.leader === null) return;
    const request = await registry.takeRequest(sync.leader.term).catch(() => null);
    if (request === null) return;
    const refusal = await sync.switchover(request.handTo, 'switchover requested in SQL');
    if (refusal === null) return;
    const sentence = `asked in SQL to hand over to ${request.handTo ?? 'any standby'}: ${refusal}`;
    log.warn({ event: 'switchover_refused' }, sentence);
  };
}
