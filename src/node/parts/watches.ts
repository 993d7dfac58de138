import type { Sequelize } from 'sequelize';
import { NotifyQueue } from '../../database/checks/notify-queue.ts';
import { TriggerWatch } from '../../database/checks/trigger-watch.ts';
import type { Conditions } from '../conditions.ts';

/** Creates the parts that look for faults of the database from time to time, and record them as conditions of the node. */
export function buildWatches(sequelize: Sequelize, conditions: Conditions, triggerCheckMs?: number) {
  return {
    notifyQueue: new NotifyQueue({
      sequelize,
      onFull: (sentence, holder) => conditions.begin('notify_queue', sentence, { detail: holder }),
      onRoom: () => conditions.end('notify_queue', 'the NOTIFY queue has room: notifications are sent again'),
    }),
    triggers: new TriggerWatch({
      sequelize,
      everyMs: triggerCheckMs,
      onDisabled: (sentence) => conditions.begin('triggers', sentence),
      onEnabled: () =>
        conditions.end('triggers', 'all triggers are enabled: restart the nodes if rows were changed meanwhile'),
    }),
  };
}
