import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../http.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';
import type { Fault } from './fault.ts';

/** How long a node may take to confirm that it is revived, ms. */
const REVIVE_TIMEOUT_MS = 30_000;

async function restart(node: SupervisedNode): Promise<void> {
  node.release();
  await node.waitUntilServing();
}

async function revive(node: SupervisedNode): Promise<void> {
  const deadline = performance.now() + REVIVE_TIMEOUT_MS;
  for (;;) {
    const response = await post(`${node.url}/revive`, {}).catch((error: unknown) => String(error));
    if (typeof response !== 'string' && response.status === 200) return;
    if (performance.now() > deadline) {
      throw new Error(`/revive on ${node.name} failed: ${typeof response === 'string' ? response : response.text}`);
    }
    await sleep(100);
  }
}

/** Faults of a node: of its process, its role, and the network link to its peers. */
export const NODE_FAULTS: readonly Fault[] = [
  {
    kind: 'kill -9',
    weight: 4,
    affects: ['process'],
    durationInLeases: [0.02, 2],
    async inject(_rig, node) {
      await node.takeDown('SIGKILL');
      return () => restart(node);
    },
  },
  {
    kind: 'SIGTERM',
    weight: 3,
    affects: ['process'],
    durationInLeases: [0.02, 1],
    async inject(_rig, node) {
      await node.takeDown('SIGTERM');
      return () => restart(node);
    },
  },
  {
    kind: 'freeze, shorter than the lease',
    weight: 2,
    affects: ['process'],
    durationInLeases: [0.02, 0.7],
    async inject(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: 'freeze, about the lease',
    weight: 2,
    affects: ['process'],
    durationInLeases: [0.8, 1.3],
    async inject(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: 'freeze, longer than the lease',
    weight: 3,
    affects: ['process'],
    durationInLeases: [1.3, 4],
    async inject(_rig, node) {
      node.freeze();
      return async () => node.thaw();
    },
  },
  {
    kind: '/fall',
    weight: 3,
    affects: ['process'],
    durationInLeases: [0.02, 3],
    async inject(_rig, node) {
      const response = await post(`${node.url}/fall`, {}).catch(() => null);
      // The node may have fallen even if its response is not a 200: it is revived at once.
      if (response?.status !== 200) await revive(node);
      return response?.status === 200 ? () => revive(node) : null;
    },
  },
  {
    kind: '/switchover',
    weight: 3,
    affects: ['process'],
    durationInLeases: [0.05, 0.3],
    async inject(rig, node, random) {
      const to = random.chance(0.5) ? {} : { to: random.pick(rig.nodes.filter((other) => other !== node)).name };
      const response = await post(`${node.url}/switchover`, to).catch(() => null);
      return response?.status === 200 ? async () => undefined : null;
    },
  },
  {
    kind: 'switchover in SQL',
    weight: 2,
    affects: ['process'],
    durationInLeases: [0.05, 0.3],
    async inject(rig, node, random) {
      const to = random.chance(0.5) ? null : random.pick(rig.nodes.filter((other) => other !== node)).name;
      const [response] = await rig.observer
        .query<{ said: string }>('SELECT plantao.switchover($1) AS said', [to])
        .catch(() => []);
      return response?.said.startsWith('asked') ? async () => undefined : null;
    },
  },
  {
    kind: 'cut from its peers',
    weight: 2,
    affects: ['peer link'],
    durationInLeases: [0.1, 3],
    async inject(_rig, node, random) {
      if (random.chance(0.5)) node.peerProxy.cut();
      else node.peerProxy.swallow(random.pick(['up', 'down', 'both'] as const));
      return async () => node.peerProxy.heal();
    },
  },
];
