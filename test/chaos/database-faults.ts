import pg from 'pg';
import type { Fault, Heal } from './faults.ts';
import type { TestRig } from './test-rig.ts';

async function stopServer(rig: TestRig, how: 'fast' | 'immediate'): Promise<Heal> {
  await rig.postgres.stop(how);
  return () => rig.postgres.start();
}

/** Runs on another database, because a session cannot disallow connections to its own. */
async function allowSessions(rig: TestRig, allowed: boolean): Promise<void> {
  const { pathname, href } = new URL(rig.postgres.url);
  const client = new pg.Client({ connectionString: new URL('/template1', href).href, connectionTimeoutMillis: 3000 });
  await client.connect();
  try {
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(pathname.slice(1))} ALLOW_CONNECTIONS ${allowed}`);
  } finally {
    await client.end();
  }
}

/**
 * An administrator who ends the session of an active node that cannot be told of it gives the lock away under a valid lease.
 * The old node's writes fail at the fence, but for the rest of its lease, or until it sees its successor, both say that they
 * are active. The run checks that this never happens by itself, so it does not do it.
 */
function canHearItsEnd(rig: TestRig): boolean {
  return !rig.nodes.some(({ databaseProxy }) => databaseProxy.isDisturbed);
}

/** Faults of PostgreSQL, and of the network link between it and a node. */
export const DATABASE_FAULTS: readonly Fault[] = [
  {
    kind: 'lock session terminated',
    weight: 3,
    affects: ['postgres'],
    leases: [0.1, 0.5],
    async inject(rig) {
      if (!canHearItsEnd(rig)) return null;
      const ended = await rig.observer
        .query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder')
        .catch(() => []);
      return ended.length > 0 ? async () => undefined : null;
    },
  },
  {
    kind: 'all sessions terminated',
    weight: 2,
    affects: ['postgres'],
    leases: [0.1, 0.5],
    async inject(rig, node) {
      if (!canHearItsEnd(rig)) return null;
      const ended = await rig.observer
        .query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1', [
          `plantao:${node.name}:%`,
        ])
        .catch(() => []);
      return ended.length > 0 ? async () => undefined : null;
    },
  },
  {
    kind: 'PostgreSQL restarted, fast',
    weight: 2,
    affects: ['postgres'],
    leases: [0.01, 1.5],
    inject: (rig) => stopServer(rig, 'fast'),
  },
  {
    kind: 'PostgreSQL restarted, immediate',
    weight: 2,
    affects: ['postgres'],
    leases: [0.01, 1.5],
    inject: (rig) => stopServer(rig, 'immediate'),
  },
  {
    kind: 'PostgreSQL paused',
    weight: 2,
    affects: ['postgres'],
    leases: [0.05, 2.5],
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
    leases: [0.1, 3],
    async inject(rig) {
      await allowSessions(rig, false);
      return () => allowSessions(rig, true);
    },
  },
  {
    kind: 'half-open to PostgreSQL',
    weight: 4,
    affects: ['database link'],
    leases: [0.05, 3],
    async inject(_rig, node, random) {
      node.databaseProxy.swallow(random.pick(['up', 'down', 'both'] as const));
      return async () => node.databaseProxy.heal();
    },
  },
  {
    kind: 'cut from PostgreSQL',
    weight: 3,
    affects: ['database link'],
    leases: [0.02, 2],
    async inject(_rig, node) {
      node.databaseProxy.cut();
      return async () => node.databaseProxy.heal();
    },
  },
  {
    kind: 'slow link to PostgreSQL',
    weight: 2,
    affects: ['database link'],
    leases: [0.2, 3],
    async inject(rig, node, random) {
      // From noticeable to longer than the limit of a heartbeat.
      node.databaseProxy.setLatency(random.logUniform(10, rig.leaseMs * 0.6));
      return async () => node.databaseProxy.heal();
    },
  },
];
