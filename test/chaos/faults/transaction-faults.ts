import type { Fault } from '../../../src/prove/faults/fault.ts';
import { terminateSessions } from '../../../src/prove/faults/session-faults.ts';
import type { TestRig } from '../test-rig.ts';
import { closingOnFailure, DBA_NAME, forgetWriter, groupsOfRun, openDba, recordWritten } from './dba.ts';

let written = 0;

/** Faults of transactions that a DBA leaves open. Nodes accept no write until they end. */
export const TRANSACTION_FAULTS: readonly Fault<TestRig>[] = [
  {
    kind: 'idle transaction with a message',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.1, 3],
    async inject(rig, _node, random) {
      const end = random.pick(['COMMIT', 'ROLLBACK', 'terminate'] as const);
      const client = await openDba(rig);
      await closingOnFailure(client, async () => {
        const { group, sender } = random.pick(await groupsOfRun(client));
        const value = `sql-idle-${written++}`;
        recordWritten(rig, [{ value, group }]);
        await client.query('BEGIN');
        await client.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, $3)', [
          group,
          sender,
          value,
        ]);
        await forgetWriter(client);
      });
      return async () => {
        try {
          // As the view and the nodes' logs advise.
          const terminate = 'SELECT pg_terminate_backend(pid) FROM plantao.blocking WHERE application_name = $1';
          if (end === 'terminate') await rig.observer.query(terminate, [DBA_NAME]);
          else await client.query(end);
        } finally {
          await client.end().catch(() => undefined);
        }
      };
    },
  },
  {
    kind: 'row of the term locked',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.1, 3],
    async inject(rig, _node, random) {
      const client = await openDba(rig);
      await closingOnFailure(client, async () => {
        await client.query('BEGIN');
        await client.query('SELECT FROM plantao.leader_terms WHERE ended_at IS NULL FOR UPDATE');
        // Half of the time, a promotion is needed meanwhile.
        if (random.chance(0.5)) await terminateSessions(rig, 'plantao:%:lock');
      });
      return async () => {
        await client.query('ROLLBACK').finally(() => client.end());
      };
    },
  },
];
