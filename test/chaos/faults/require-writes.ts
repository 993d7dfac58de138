import type { Fault } from '../../../src/prove/faults/fault.ts';
import { eventually } from '../../support/eventually.ts';
import type { TestRig } from '../test-rig.ts';

/** A fault of a node at the same time costs some leases, and the machine may be busy. */
const WITHIN_MS = 20_000;

/** Returns the fault with one more requirement: before it is healed, a write is accepted while it is in force. */
export function requireWrites(fault: Fault<TestRig>): Fault<TestRig> {
  return {
    ...fault,
    async inject(rig, node, random) {
      const heal = await fault.inject(rig, node, random);
      if (heal === null) return null;
      return async () => {
        const { history } = rig;
        const before = history.acknowledged;
        try {
          await eventually(`a write during "${fault.kind}"`, () => history.acknowledged > before, {
            within: WITHIN_MS,
          });
        } finally {
          await heal();
        }
      };
    },
  };
}
