import { setTimeout as pause } from 'node:timers/promises';
import { post } from '../support/http.ts';
import type { Fault } from './faults.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** A revived node must say so within this, ms. */
const REVIVE_WITHIN_MS = 30_000;

async function comeBack(node: SupervisedNode): Promise<void> {
  node.release();
  await node.listens();
}

async function revive(node: SupervisedNode): Promise<void> {
  const deadline = performance.now() + REVIVE_WITHIN_MS;
  for (;;) {
    const answer = await post(`${node.url}/revive`, {}).catch((error: unknown) => String(error));
    if (typeof answer !== 'string' && answer.status === 200) return;
    if (performance.now() > deadline) {
      throw new Error(`/revive on ${node.name} was not done: ${typeof answer === 'string' ? answer : answer.text}`);
    }
    await pause(100);
  }
}

/** What can befall a node: its process, its standing, the cable to its peers. */
export const NODE_FAULTS: readonly Fault[] = [
  {
    kind: 'kill -9',
    weight: 4,
    touches: ['process'],
    leases: [0.02, 2],
    async inflict(_rig, node) {
      await node.down('SIGKILL');
      return () => comeBack(node);
    },
  },
  {
    kind: 'SIGTERM',
    weight: 3,
    touches: ['process'],
    leases: [0.02, 1],
    async inflict(_rig, node) {
      await node.down('SIGTERM');
      return () => comeBack(node);
    },
  },
  {
    kind: 'freeze, shorter than the lease',
    weight: 2,
    touches: ['process'],
    leases: [0.02, 0.7],
    async inflict(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: 'freeze, about the lease',
    weight: 2,
    touches: ['process'],
    leases: [0.8, 1.3],
    async inflict(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: 'freeze, longer than the lease',
    weight: 3,
    touches: ['process'],
    leases: [1.3, 4],
    async inflict(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: '/fall',
    weight: 3,
    touches: ['process'],
    leases: [0.02, 3],
    async inflict(_rig, node) {
      const answer = await post(`${node.url}/fall`, {}).catch(() => null);
      // In doubt it may have fallen all the same, so it is revived either way.
      if (answer?.status !== 200) await revive(node);
      return answer?.status === 200 ? () => revive(node) : null;
    },
  },
  {
    kind: '/switchover',
    weight: 3,
    touches: ['process'],
    leases: [0.05, 0.3],
    async inflict(rig, node, random) {
      const to = random.chance(0.5) ? {} : { to: random.pick(rig.nodes.filter((other) => other !== node)).name };
      const answer = await post(`${node.url}/switchover`, to).catch(() => null);
      return answer?.status === 200 ? async () => undefined : null;
    },
  },
  {
    kind: 'switchover in SQL',
    weight: 2,
    touches: ['process'],
    leases: [0.05, 0.3],
    async inflict(rig, node, random) {
      const to = random.chance(0.5) ? null : random.pick(rig.nodes.filter((other) => other !== node)).name;
      const [answer] = await rig.witness
        .ask<{ said: string }>('SELECT plantao.switchover($1) AS said', [to])
        .catch(() => []);
      return answer?.said.startsWith('asked') ? async () => undefined : null;
    },
  },
  {
    kind: 'cut from its peers',
    weight: 2,
    touches: ['door'],
    leases: [0.1, 3],
    async inflict(_rig, node, random) {
      if (random.chance(0.5)) node.door.cut();
      else node.door.swallow(random.pick(['up', 'down', 'both'] as const));
      return async () => node.door.heal();
    },
  },
];
