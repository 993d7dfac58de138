import type { Sequelize } from 'sequelize';
import { NotifyQueue } from '../../database/checks/notify-queue.ts';
import { type TableProblem, TableWatch } from '../../database/checks/table-watch.ts';
import { changedSettingSentence } from '../../database/session/settings/setting-changes.ts';
import { LogThrottle } from '../../http/log-throttle.ts';
import type { Log } from '../../log/log.ts';
import type { Conditions } from '../conditions.ts';
import type { NodeEvents } from './node-events.ts';

const ENDED: Readonly<Record<TableProblem, string>> = {
  triggers: 'all triggers are enabled: restart the nodes if rows were changed meanwhile',
  child_tables: 'no table inherits from those of Plantão any more',
  message_ids: 'message ids ascend again: restart the nodes if messages were sent meanwhile',
};

/** Creates the parts that check the database periodically, and record its faults as conditions of the node. */
export function buildWatches(sequelize: Sequelize, conditions: Conditions, tableCheckMs?: number) {
  return {
    notifyQueue: new NotifyQueue({
      sequelize,
      onFull: (sentence, holder) => conditions.begin('notify_queue', sentence, { detail: holder }),
      onRoom: () => conditions.end('notify_queue', 'the NOTIFY queue has room: notifications are sent again'),
    }),
    tables: new TableWatch({
      sequelize,
      everyMs: tableCheckMs,
      onChecked: (problem, sentence) => {
        if (sentence === null) conditions.end(problem, ENDED[problem]);
        else conditions.begin(problem, sentence);
      },
    }),
  };
}

/** Logs each setting that a statement has changed in a session of the node. */
export function logChangedSettings(events: NodeEvents, log: Log): void {
  const throttle = new LogThrottle();
  events.on('settingChanged', (changed) => {
    if (!throttle.allows(`${changed.name}=${changed.value}`)) return;
    log.warn({ event: 'setting_changed', setting: changed.name }, changedSettingSentence(changed));
  });
}
