import type pg from 'pg';
import { sqlState } from '../../../src/database/errors.ts';
import type { Fault, Heal } from '../../../src/prove/faults/fault.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestRig } from '../test-rig.ts';
import { asDba, closingOnFailure, openDba } from './dba.ts';
import { requireWrites } from './require-writes.ts';

const PAYLOAD = 'x'.repeat(7900);
/** program_limit_exceeded: the queue has no room. */
const IS_FULL = '54000';

/** A session of another database listens inside an open transaction, and notifications fill the queue of the server. */
async function fillQueue(rig: TestRig): Promise<Heal> {
  const listener = await openDba(rig, 'template1');
  await closingOnFailure(listener, async () => {
    await listener.query('LISTEN anything');
    await listener.query('BEGIN');
    await listener.query('SELECT 1');
    const sender = await openDba(rig, 'template1');
    try {
      await eventually('the queue is full', () => notifyUntilFull(sender), { within: 20_000 });
    } finally {
      await sender.end();
    }
  });
  return async () => {
    await listener.query('ROLLBACK').finally(() => listener.end());
  };
}

async function notifyUntilFull(sender: pg.Client): Promise<boolean> {
  for (let count = 0; count < 200; count += 1) {
    const state = await sender.query('SELECT pg_notify($1, $2)', ['x', `${count}${PAYLOAD}`]).then(
      () => null,
      (error) => sqlState(error),
    );
    if (state === IS_FULL) return true;
  }
  return false;
}

async function setSynchronousStandbys(rig: TestRig, name: string): Promise<void> {
  await asDba(rig, async (client) => {
    await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
    await client.query('SELECT pg_reload_conf()');
    await eventually('the setting is in force', async () => {
      const { rows } = await client.query("SELECT current_setting('synchronous_standby_names') AS names");
      return rows[0]?.names === name;
    });
  });
}

/** Faults of parts of PostgreSQL that every commit passes and that a node must not depend on. */
export const HINT_FAULTS: readonly Fault<TestRig>[] = [
  requireWrites({
    kind: 'NOTIFY queue full',
    weight: 3,
    affects: ['postgres'],
    durationInLeases: [0.3, 3],
    inject: (rig) => fillQueue(rig),
  }),
  {
    // Commits wait: no write is accepted meanwhile, and the outcome of those that were sent is unknown.
    kind: 'ghost standby',
    weight: 3,
    affects: ['postgres'],
    durationInLeases: [0.1, 3],
    async inject(rig) {
      await setSynchronousStandbys(rig, 'ghost');
      return () => setSynchronousStandbys(rig, '');
    },
  },
];
