import pg from 'pg';
import type { Fault, Heal } from '../../../src/prove/faults/fault.ts';
import { withSession } from '../../support/postgres/with-session.ts';
import type { TestRig } from '../test-rig.ts';

async function stopServer(rig: TestRig, how: 'fast' | 'immediate'): Promise<Heal> {
  await rig.postgres.stop(how);
  return () => rig.postgres.start();
}

/** Runs on another database, because a session cannot disallow connections to its own. */
async function allowSessions(rig: TestRig, allowed: boolean): Promise<void> {
  const { pathname, href } = new URL(rig.postgres.url);
  const config = { connectionString: new URL('/template1', href).href, connectionTimeoutMillis: 3000 };
  const name = pg.escapeIdentifier(pathname.slice(1));
  await withSession(config, (client) => client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${allowed}`));
}

/** Faults of the PostgreSQL server, which only a run that has started it can inject. */
export const SERVER_FAULTS: readonly Fault<TestRig>[] = [
  {
    kind: 'PostgreSQL restarted, fast',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.01, 1.5],
    inject: (rig) => stopServer(rig, 'fast'),
  },
  {
    kind: 'PostgreSQL restarted, immediate',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.01, 1.5],
    inject: (rig) => stopServer(rig, 'immediate'),
  },
  {
    kind: 'PostgreSQL paused',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.05, 2.5],
    async inject(rig) {
      await rig.postgres.freeze();
      return () => rig.postgres.thaw();
    },
  },
  {
    // Like reaching max_connections: existing sessions continue and new ones are refused.
    kind: 'PostgreSQL refuses new sessions',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.1, 3],
    async inject(rig) {
      await allowSessions(rig, false);
      return () => allowSessions(rig, true);
    },
  },
];
