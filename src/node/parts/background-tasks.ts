import type { Sequelize } from 'sequelize';
import { withTimeout } from '../../async/with-timeout.ts';
import { GroupRemoval } from '../../chat/groups/group-removal.ts';
import { IndexStore } from '../../chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../chat/search/indexing/search-indexer.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Retention } from '../../events/retention.ts';
import type { Log } from '../../log/log.ts';
import type { Settings } from '../../settings.ts';

/** A step of a task takes milliseconds. One that takes longer is rolled back with its connection. */
const STEP_STOP_LIMIT_MS = 1000;

/** Options of {@link buildBackgroundTasks}. */
export interface BackgroundTaskOptions {
  settings: Settings;
  log: Log;
  sequelize: Sequelize;
  write: Write;
  /** Returns the fencing token of the term in which this node is active, or null. */
  fencingToken(): number | null;
  onTermRefused(token: number): void;
}

/** Builds what the active node does in small steps beside its requests: retention, the search index, and removals of groups. */
export function buildBackgroundTasks({
  settings,
  log,
  sequelize,
  write,
  fencingToken,
  onTermRefused,
}: BackgroundTaskOptions) {
  const isActive = () => fencingToken() !== null;
  const groupRemoval = new GroupRemoval({ sequelize, write, log, isActive });
  const searchIndexer = new SearchIndexer({ store: new IndexStore(sequelize, write), log, isActive });
  const retention = new Retention({
    sequelize,
    log,
    fencingToken,
    onTermRefused,
    eventHours: settings.eventRetentionHours,
    eventCount: settings.eventRetentionCount,
    eventBytes: settings.eventRetentionBytes,
    keyHours: settings.idempotencyRetentionHours,
  });
  const tasks = [retention, searchIndexer, groupRemoval];
  return {
    groupRemoval,
    start(): void {
      for (const task of tasks) task.start();
    },
    async stop(): Promise<void> {
      await Promise.all(tasks.map((task) => withTimeout(STEP_STOP_LIMIT_MS, task.stop(), () => {})));
    },
  };
}
