import type { NodeRig } from '../rig/node-rig.ts';
import type { Fault, Heal } from './fault.ts';

/**
 * Returns true if the active node can notice the loss of its session. If it cannot, this fault would itself cause two nodes to
 * report active, which the run treats as a violation.
 */
function canNoticeItsEnd(rig: NodeRig): boolean {
  return !rig.nodes.some(({ databaseLink }) => databaseLink.isDisturbed);
}

/** Behind a pooler, sessions of the same name may belong to a role that this one may not terminate. */
const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name LIKE $1 AND datname = current_database() AND usename = current_user`;

/** Terminates the sessions whose application_name matches `pattern`. Returns null if there is none, or if it is not possible now. */
export async function terminateSessions(rig: NodeRig, pattern: string): Promise<Heal | null> {
  if (!canNoticeItsEnd(rig)) return null;
  const ended = await rig.observer.query(TERMINATE, [pattern]).catch(() => []);
  return ended.length > 0 ? async () => undefined : null;
}

/** Faults of a node's sessions, as a DBA or a restarted pooler causes them. */
export const SESSION_FAULTS: readonly Fault[] = [
  {
    kind: 'lock session terminated',
    weight: 3,
    affects: ['postgres'],
    durationInLeases: [0.1, 0.5],
    async inject(rig) {
      if (!canNoticeItsEnd(rig)) return null;
      const ended = await rig.observer
        .query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder')
        .catch(() => []);
      return ended.length > 0 ? async () => undefined : null;
    },
  },
  {
    kind: 'writer session terminated',
    weight: 2,
    affects: ['postgres'],
    isOfNode: true,
    durationInLeases: [0.1, 0.5],
    inject: (rig, node) => terminateSessions(rig, `plantao:${node.name}:writer`),
  },
  {
    kind: 'all sessions terminated',
    weight: 2,
    affects: ['postgres'],
    isOfNode: true,
    durationInLeases: [0.1, 0.5],
    inject: (rig, node) => terminateSessions(rig, `plantao:${node.name}:%`),
  },
];
