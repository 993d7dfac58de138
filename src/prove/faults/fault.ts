import type { Random } from '../random.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';

/** A component that a fault affects. Two faults on the same component are never active at the same time. */
export type Component = 'postgres' | 'process' | 'database link' | 'peer link' | 'client sockets';

/** Heals a fault and waits until the affected component is up again. */
export type Heal = () => Promise<void>;

/** One kind of fault. */
export interface Fault<Rig extends NodeRig = NodeRig> {
  kind: string;
  /** How often it is chosen, relative to the other weights. */
  weight: number;
  affects: readonly Component[];
  /** True if it concerns one node; by default true unless it affects PostgreSQL. */
  isOfNode?: boolean;
  /** Shortest and longest duration, in leases. After an instantaneous fault, the time before the next one. */
  durationInLeases: [shortest: number, longest: number];
  /** Injects the fault and returns how to heal it; null if it is not possible now and nothing was changed. */
  inject(rig: Rig, target: SupervisedNode, random: Random): Promise<Heal | null>;
}
