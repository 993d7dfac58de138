import pg from 'pg';
import type { Fault, Heal } from './faults.ts';
import type { Rig } from './rig.ts';

async function stopServer(rig: Rig, how: 'fast' | 'immediate'): Promise<Heal> {
  await rig.postgres.stop(how);
  return () => rig.postgres.start();
}

/** Asked from another database: of its own nobody may forbid it. */
async function allowSessions(rig: Rig, allowed: boolean): Promise<void> {
  const { pathname, href } = new URL(rig.postgres.url);
  const client = new pg.Client({ connectionString: new URL('/template1', href).href, connectionTimeoutMillis: 3000 });
  await client.connect();
  try {
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(pathname.slice(1))} ALLOW_CONNECTIONS ${allowed}`);
  } finally {
    await client.end();
  }
}

/** What can befall Postgres, and the cable between it and a node. */
export const DATABASE_FAULTS: readonly Fault[] = [
  {
    kind: 'lock session terminated',
    weight: 3,
    touches: ['postgres'],
    leases: [0.1, 0.5],
    async inflict(rig) {
      const ended = await rig.witness.ask('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder').catch(() => []);
      return ended.length > 0 ? async () => undefined : null;
    },
  },
  {
    kind: 'all sessions terminated',
    weight: 2,
    touches: ['postgres'],
    leases: [0.1, 0.5],
    async inflict(rig, node) {
      const ended = await rig.witness
        .ask('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1', [
          `plantao:${node.name}:%`,
        ])
        .catch(() => []);
      return ended.length > 0 ? async () => undefined : null;
    },
  },
  {
    kind: 'Postgres restarted, fast',
    weight: 2,
    touches: ['postgres'],
    leases: [0.01, 1.5],
    inflict: (rig) => stopServer(rig, 'fast'),
  },
  {
    kind: 'Postgres restarted, immediate',
    weight: 2,
    touches: ['postgres'],
    leases: [0.01, 1.5],
    inflict: (rig) => stopServer(rig, 'immediate'),
  },
  {
    kind: 'Postgres paused',
    weight: 2,
    touches: ['postgres'],
    leases: [0.05, 2.5],
    async inflict(rig) {
      await rig.postgres.freeze();
      return () => rig.postgres.thaw();
    },
  },
  {
    // What max_connections does to a node: the sessions that it has stay, and it gets no other.
    kind: 'Postgres takes no new session',
    weight: 2,
    touches: ['postgres'],
    leases: [0.1, 3],
    async inflict(rig) {
      await allowSessions(rig, false);
      return () => allowSessions(rig, true);
    },
  },
  {
    kind: 'half-open to Postgres',
    weight: 4,
    touches: ['link'],
    leases: [0.05, 3],
    async inflict(_rig, node, random) {
      node.link.swallow(random.pick(['up', 'down', 'both'] as const));
      return async () => node.link.heal();
    },
  },
  {
    kind: 'cut from Postgres',
    weight: 3,
    touches: ['link'],
    leases: [0.02, 2],
    async inflict(_rig, node) {
      node.link.cut();
      return async () => node.link.heal();
    },
  },
  {
    kind: 'slow cable to Postgres',
    weight: 2,
    touches: ['link'],
    leases: [0.2, 3],
    async inflict(rig, node, random) {
      // From unpleasant to longer than a heartbeat may take.
      node.link.setLatency(random.spread(10, rig.leaseMs * 0.6));
      return async () => node.link.heal();
    },
  },
];
