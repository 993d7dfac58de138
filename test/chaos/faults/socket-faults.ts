import type { Fault } from '../../../src/prove/faults/fault.ts';
import type { Random } from '../../../src/prove/random.ts';
import type { SupervisedNode } from '../../../src/prove/rig/supervised-node.ts';
import { eventually } from '../../support/eventually.ts';
import { figureOf } from '../../support/network/metrics.ts';
import { getText, RawClient } from '../../support/network/raw-client.ts';
import type { TestRig } from '../test-rig.ts';
import { requireWrites } from './require-writes.ts';

const SOCKETS = 5;
const POLLS = 60;
/** More slots than the readers and clients of the run use. */
const SLOTS_OF_RUN = 40;
/** A node that another fault has stopped has to be up again first. */
const FREED_WITHIN_MS = 60_000;

async function pipeline(node: SupervisedNode, random: Random): Promise<RawClient[]> {
  const path = random.pick([
    '/subscribe/status?timeout=50',
    '/subscribe/status?group=none&timeout=50',
    '/events?userId=1',
  ]);
  const clients: RawClient[] = [];
  for (let count = 0; count < SOCKETS; count += 1) {
    const client = await RawClient.open(node.url).catch(() => null);
    if (client) clients.push(client.send(getText(path).repeat(POLLS)));
  }
  return clients;
}

/** Faults of the connections between clients and nodes. */
export const SOCKET_FAULTS: readonly Fault<TestRig>[] = [
  requireWrites({
    kind: 'pipelined sockets',
    weight: 3,
    affects: ['client sockets'],
    durationInLeases: [0.05, 2],
    async inject(_rig, node, random) {
      const clients = await pipeline(node, random);
      if (clients.length === 0) return null;
      const end = random.pick(['destroy', 'reset'] as const);
      return async () => {
        for (const client of clients) client[end]();
        await eventually(
          'the poll slots of the sockets are free',
          async () => (await figureOf(node.url, 'plantao_poll_slots')) < SLOTS_OF_RUN,
          { within: FREED_WITHIN_MS, every: 100 },
        );
      };
    },
  }),
];
