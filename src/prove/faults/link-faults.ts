import type { Fault } from './fault.ts';

/** Faults of the network link between a node and PostgreSQL. */
export const LINK_FAULTS: readonly Fault[] = [
  {
    kind: 'half-open to PostgreSQL',
    weight: 4,
    affects: ['database link'],
    durationInLeases: [0.05, 3],
    async inject(_rig, node, random) {
      node.databaseLink.swallow(random.pick(['up', 'down', 'both'] as const));
      return async () => node.databaseLink.heal();
    },
  },
  {
    kind: 'cut from PostgreSQL',
    weight: 3,
    affects: ['database link'],
    durationInLeases: [0.02, 2],
    async inject(_rig, node) {
      node.databaseLink.cut();
      return async () => node.databaseLink.heal();
    },
  },
  {
    // Sent bytes arrive in the end: a write may commit long after its node has given up on it.
    kind: 'link to PostgreSQL stalled',
    weight: 2,
    affects: ['database link'],
    durationInLeases: [0.05, 2.5],
    async inject(_rig, node) {
      node.databaseLink.stall();
      return async () => node.databaseLink.heal();
    },
  },
  {
    kind: 'slow link to PostgreSQL',
    weight: 2,
    affects: ['database link'],
    durationInLeases: [0.2, 3],
    async inject(rig, node, random) {
      // Between a noticeable latency and one beyond the deadline of a heartbeat.
      node.databaseLink.setLatency(random.logUniform(10, rig.leaseMs * 0.6));
      return async () => node.databaseLink.heal();
    },
  },
];
